import { maskedNetwork } from './parameters.js';

/** The comment that marks mesh's rules: the word alone or followed by a colon and a text. */
export const MARK = 'mesh';

/** One rule as iptables-save prints it, read. */
export interface IptablesRule {
  readonly table: string;
  readonly chain: string;
  /** The words after the chain, unquoted. */
  readonly words: readonly string[];
  readonly comment: string | null;
  /** The same for equal rules, comment left out. */
  readonly text: string;
  readonly target: string;
}

/** Splits a line of iptables-save: words in double quotes have backslash escapes (iptables, xtables_save_string). */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
    words.push(match[1] === undefined ? (match[2] ?? '') : match[1].replace(/\\(.)/g, '$1'));
  }
  return words;
}

const FLAGS: Readonly<Record<string, string>> = {
  '--protocol': '-p',
  '--proto': '-p',
  '--source': '-s',
  '--src': '-s',
  '--destination': '-d',
  '--dst': '-d',
  '--in-interface': '-i',
  '--out-interface': '-o',
  '--jump': '-j',
  '--goto': '-g',
  '--match': '-m',
  '--source-port': '--sport',
  '--destination-port': '--dport',
};

/** By number, as iptables prints them or not according to whether the host has /etc/protocols. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  icmp: '1',
  tcp: '6',
  udp: '17',
  gre: '47',
  esp: '50',
  ah: '51',
  'ipv6-icmp': '58',
  icmpv6: '58',
  sctp: '132',
  all: '0',
};

const ICMP_TYPES: Readonly<Record<string, string>> = { 'echo-reply': '0', 'echo-request': '8', any: '255' };

function argument(flag: string, text: string): string {
  if (flag === '-p') return PROTOCOLS[text.toLowerCase()] ?? text;
  if ((flag === '-s' || flag === '-d') && /^[\d.]+(\/\d+)?$/.test(text)) {
    return maskedNetwork(text.includes('/') ? text : `${text}/32`);
  }
  if (flag === '--icmp-type') return ICMP_TYPES[text] ?? text;
  if (flag === '--ctstate' || flag === '--state') return text.split(',').sort().join(',');
  return text;
}

/** What iptables-save prints though nobody wrote it, or leaves out though somebody did. */
function implied(part: readonly string[], protocol: string | undefined): boolean {
  const [flag, text] = part;
  if (flag === '-m') return text === 'comment' || (text !== undefined && PROTOCOLS[text] === protocol);
  if (flag === '--comment') return true;
  if (flag === '-p') return text === '0';
  if (flag === '-s' || flag === '-d') return text === '0.0.0.0/0';
  return flag === '--reject-with' && text === 'icmp-port-unreachable';
}

/** The words after the chain as options with their arguments; `!` stands before its option, wherever it was written. */
function options(words: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [];
  let not = false;
  for (const word of words) {
    const last = parts.at(-1);
    if (word === '!' && last && last.length === 1 && last[0] !== '!') last.unshift('!');
    else if (word === '!') not = true;
    else if (word.startsWith('-') || !last) {
      parts.push([...(not ? ['!'] : []), FLAGS[word] ?? word]);
      not = false;
    } else last.push(word);
  }
  return parts.map((part) => {
    const start = part[0] === '!' ? 2 : 1;
    const flag = part[start - 1] ?? '';
    return [...part.slice(0, start), ...part.slice(start).map((text) => argument(flag, text))];
  });
}

export function readRule(table: string, chain: string, words: readonly string[]): IptablesRule {
  const parts = options(words);
  const find = (flag: string) =>
    parts
      .find((part) => part[0] === flag)
      ?.slice(1)
      .join(' ');
  const protocol = find('-p');
  const kept = parts.filter((part) => !implied(part, protocol)).map((part) => part.join(' '));
  return {
    table,
    chain,
    words,
    comment: find('--comment') ?? null,
    text: [table, chain, ...kept.sort()].join(' '),
    target: find('-j') ?? find('-g') ?? '',
  };
}

/** A rule with its table before it, `filter -A INPUT …`; undefined for anything else. */
export function readSaved(line: string): IptablesRule | undefined {
  const [table, append, chain, ...words] = splitWords(line);
  return table !== undefined && append === '-A' && chain !== undefined ? readRule(table, chain, words) : undefined;
}

export function isOwned(rule: IptablesRule): boolean {
  return rule.comment === MARK || rule.comment?.startsWith(`${MARK}:`) === true;
}

/** The words of a rule with mesh's mark, before the target, where iptables-save prints it. */
export function marked(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => FLAGS[word] === '-j' || FLAGS[word] === '-g' || word === '-j' || word === '-g');
  const end = at < 0 ? words.length : at;
  return [...words.slice(0, end), '-m', 'comment', '--comment', MARK, ...words.slice(end)];
}

/** A rule as the facts hold it. */
export function savedText(table: string, chain: string, words: readonly string[]): string {
  const text = words.map((word) => (/^[^\s"'\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`));
  return [table, '-A', chain, ...text].join(' ');
}
