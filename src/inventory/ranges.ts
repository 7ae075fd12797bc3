import { isIPv6 } from 'node:net';

/** A range larger than this is a slip of the keyboard. */
const MAX_HOSTS = 65_536;

const NUMERIC = String.raw`\[[0-9]+:[0-9]+(?::[0-9]+)?\]`;
const ALPHANUMERIC = String.raw`\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`;
const LABEL = String.raw`(?:[\p{L}\p{N}_]|${ALPHANUMERIC})(?:[\p{L}\p{N}_-]|${ALPHANUMERIC})*(?<![_-])`;
const HOSTNAME = new RegExp(String.raw`^${LABEL}(?:\.${LABEL})*$`, 'iu');
const BYTE = `(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|${NUMERIC})`;
const IPV4 = new RegExp(`^(?:${BYTE}\\.){3}${BYTE}$`);

/** What stands before and after the last colon of a host's key, where that is a port; undefined if it is no host at all. */
export function splitPort(text: string): { host: string; port?: number } | undefined {
  const bracketed = /^\[(.+)\]:([0-9]+)$/.exec(text);
  const plain = bracketed ? undefined : /^((?:[^:[\]]|\[[^\]]*\])*):([0-9]+)$/.exec(text);
  const match = bracketed ?? plain;
  const host = match?.[1] ?? text;
  if (!IPV4.test(host) && !HOSTNAME.test(host) && !isIPv6(host)) return undefined;
  return match ? { host, port: Number(match[2]) } : { host };
}

export interface ExpandedHosts {
  readonly names: readonly string[];
  readonly port?: number;
}

/**
 * A key of `hosts:` as the hosts that it stands for: `docker[41:44]`, `[a:c]`, `[01:10]`, `[1:9:2]`, several of them, and
 * an optional `:port`. Where the text is no host name that Ansible knows, it is taken whole, as Ansible does.
 *
 * @throws {RangeError} with a sentence for people, if a range cannot be expanded.
 */
export function expandHosts(text: string): ExpandedHosts {
  const split = splitPort(text);
  const pattern = split?.host ?? text;
  const names = pattern.includes('[') ? expandRange(pattern) : [pattern];
  return split?.port === undefined ? { names } : { names, port: split.port };
}

function expandRange(text: string): string[] {
  const match = /^([^[\]|]*)\[([^[\]|]*)\](.*)$/s.exec(text);
  if (!match) throw new RangeError(`the brackets of "${text}" do not hold a range`);
  const [, head = '', range = '', tail = ''] = match;
  const items = rangeItems(range);
  const tails = tail.includes('[') ? expandRange(tail) : [tail];
  if (items.length * tails.length > MAX_HOSTS)
    throw new RangeError(`"${text}" stands for more than ${MAX_HOSTS} hosts`);
  return items.flatMap((item) => tails.map((rest) => head + item + rest));
}

function rangeItems(range: string): string[] {
  const [begin = '', end = '', stepText, ...more] = range.split(':');
  if (more.length > 0 || !range.includes(':')) throw new RangeError(`[${range}] is not begin:end or begin:end:step`);
  if (end === '') throw new RangeError(`[${range}] does not say where it ends`);
  const step = stepText === undefined ? 1 : /^[0-9]+$/.test(stepText) ? Number(stepText) : 0;
  if (step < 1) throw new RangeError(`the step of [${range}] is not a number above 0`);
  if (/^[a-zA-Z]$/.test(begin) && /^[a-zA-Z]$/.test(end)) return letters(range, begin, end, step);
  const from = begin === '' ? '0' : begin;
  if (!/^[0-9]+$/.test(from) || !/^[0-9]+$/.test(end)) {
    throw new RangeError(`[${range}] is a range neither of numbers nor of single letters`);
  }
  const width = from.length > 1 && from.startsWith('0') ? from.length : 0;
  if (width > 0 && width !== end.length) {
    throw new RangeError(`[${range}] is padded with zeros at its begin and has another length at its end`);
  }
  const [first, last] = [Number(from), Number(end)];
  if (first > last) throw new RangeError(`[${range}] begins after it ends`);
  if ((last - first) / step > MAX_HOSTS) throw new RangeError(`[${range}] stands for more than ${MAX_HOSTS} hosts`);
  const count = Math.floor((last - first) / step) + 1;
  return Array.from({ length: count }, (_, index) => String(first + index * step).padStart(width, '0'));
}

/** Lower case comes before upper case, as in Python's `string.ascii_letters`. */
function letters(range: string, begin: string, end: string, step: number): string[] {
  const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const [first, last] = [alphabet.indexOf(begin), alphabet.indexOf(end)];
  if (first > last) throw new RangeError(`[${range}] begins after it ends`);
  const count = Math.floor((last - first) / step) + 1;
  return Array.from({ length: count }, (_, index) => alphabet.charAt(first + index * step));
}
