type Plain = null | boolean | number | string;

// The implicit types of YAML 1.1 as PyYAML's resolver knows them; they are narrower than the specification's
// (`y` and `1e3` are strings) and wider than YAML 1.2's (`yes`, `0600`, `1:30`).
const NULL = /^(?:~|null|Null|NULL|)$/;
const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/;
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/;
const INT =
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIMESTAMP =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?$/;

/**
 * The value of an unquoted YAML scalar as PyYAML, and so Ansible, reads it.
 *
 * Integers beyond what a double holds exactly stay text (their decimal digits); dates and times become ISO 8601 text, as
 * Ansible prints them.
 */
export function plainScalar(source: string): Plain {
  if (NULL.test(source)) return null;
  if (TRUE.test(source)) return true;
  if (FALSE.test(source)) return false;
  if (INT.test(source)) return integer(source);
  if (FLOAT.test(source)) return float(source);
  if (DATE.test(source)) return source;
  const time = TIMESTAMP.exec(source);
  return time ? timestamp(time) : source;
}

function integer(source: string): number | string {
  const text = source.replaceAll('_', '');
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (digits.includes(':')) return sign * sexagesimal(digits);
  if (digits === '0' || digits === '') return digits === '' ? source : 0;
  if (/^0[bx]$/.test(digits)) return source;
  const octal = /^0[0-7]+$/.test(digits);
  const value = BigInt(octal ? `0o${digits.slice(1)}` : digits) * BigInt(sign);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function float(source: string): number {
  const text = source.replaceAll('_', '').toLowerCase();
  const sign = text.startsWith('-') ? -1 : 1;
  const digits = text.replace(/^[-+]/, '');
  if (digits === '.inf') return sign * Number.POSITIVE_INFINITY;
  if (digits === '.nan') return Number.NaN;
  return sign * (digits.includes(':') ? sexagesimal(digits) : Number(digits));
}

function sexagesimal(digits: string): number {
  return digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

function timestamp(match: RegExpExecArray): string {
  const [, year, month = '', day = '', hour = '', minute, second, fraction, zone, sign, zoneHour = '', zoneMinute] =
    match;
  const pad = (part: string) => part.padStart(2, '0');
  const micros = fraction ? fraction.slice(0, 6).padEnd(6, '0') : '';
  const tail = micros && Number(micros) !== 0 ? `.${micros}` : '';
  const offset = zone === undefined ? '' : zone === 'Z' ? '+00:00' : `${sign}${pad(zoneHour)}:${zoneMinute ?? '00'}`;
  return `${year}-${pad(month)}-${pad(day)}T${pad(hour)}:${minute}:${second}${tail}${offset}`;
}
