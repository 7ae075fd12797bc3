import { splitWords } from './words.js';

/** What mesh takes from `ansible_ssh_common_args` and its kin. */
export interface SshArguments {
  proxyJump: string[];
  knownHostsFiles: string[];
  keyFile?: string | undefined;
  port?: number | undefined;
  user?: string | undefined;
}

export interface SshArgumentRemark {
  readonly severity: 'fault' | 'warning';
  readonly message: string;
  readonly fix: string;
}

const KEY_FIX = 'record host keys with --accept-new, or with ssh-keyscan after comparing the fingerprint';
const CONFIG_FIX = 'put it into ~/.ssh/config, which mesh reads through ssh -G, or remove it';
/** ssh's single-letter options that take a value (ssh(1)). */
const WITH_VALUE = 'BbcDEeFIiJLlmOopQRSWw';

/** Reads ssh's arguments (ssh(1), ssh_config(5)). What mesh cannot honour comes back as a remark: nothing is dropped silently. */
export function readSshArguments(text: string): { args: SshArguments; remarks: SshArgumentRemark[] } {
  const args: SshArguments = { proxyJump: [], knownHostsFiles: [] };
  const remarks: SshArgumentRemark[] = [];
  let words: string[];
  try {
    words = splitWords(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    remarks.push({ severity: 'fault', message: error.message, fix: 'close it' });
    return { args, remarks };
  }
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const letter = /^-([A-Za-z0-9])/.exec(word)?.[1];
    if (letter === undefined) {
      remarks.push({ severity: 'fault', message: `"${word}" is no option of ssh`, fix: 'remove it' });
    } else if (!WITH_VALUE.includes(letter)) {
      for (const flag of word.slice(1)) {
        if (!'qTtxaCnv'.includes(flag)) remarks.push(unsupported(`-${flag}`));
      }
    } else {
      const value = word.length > 2 ? word.slice(2) : queue.shift();
      if (value === undefined || value === '') {
        remarks.push({ severity: 'fault', message: `-${letter} has no value`, fix: 'write the value after it' });
      } else {
        option(letter, value, args, remarks);
      }
    }
  }
  return { args, remarks };
}

function unsupported(what: string): SshArgumentRemark {
  return { severity: 'warning', message: `${what} has no effect in mesh`, fix: CONFIG_FIX };
}

function option(letter: string, value: string, args: SshArguments, remarks: SshArgumentRemark[]): void {
  const keyword = { J: 'ProxyJump', i: 'IdentityFile', p: 'Port', l: 'User' }[letter];
  if (keyword) {
    setting(keyword, value, args, remarks);
  } else if (letter === 'o') {
    const [, name = '', rest = ''] = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)$/s.exec(value) ?? [];
    if (name) setting(name, rest.trim(), args, remarks);
    else remarks.push({ severity: 'fault', message: `-o ${value} is not Key=Value`, fix: 'write -o Key=Value' });
  } else if ('FEIWDLRw'.includes(letter)) {
    const message = `-${letter} ${value} is not supported`;
    remarks.push({
      severity: 'fault',
      message,
      fix: letter === 'F' ? 'put the settings into ~/.ssh/config' : CONFIG_FIX,
    });
  } else {
    remarks.push(unsupported(`-${letter} ${value}`));
  }
}

function setting(name: string, value: string, args: SshArguments, remarks: SshArgumentRemark[]): void {
  const key = name.toLowerCase();
  // ssh takes the first value that it is given.
  if (key === 'proxyjump') {
    if (value !== 'none' && args.proxyJump.length === 0) args.proxyJump = value.split(',').map((jump) => jump.trim());
  } else if (key === 'proxycommand') {
    proxyCommand(value, args, remarks);
  } else if (key === 'identityfile') {
    args.keyFile ??= value;
  } else if (key === 'user') {
    args.user ??= value;
  } else if (key === 'port') {
    if (/^\d{1,5}$/.test(value)) args.port ??= Number(value);
    else remarks.push({ severity: 'fault', message: `port "${value}" is not a number`, fix: 'write -p 22' });
  } else if (key === 'userknownhostsfile') {
    knownHosts(value, args, remarks);
  } else if (key === 'stricthostkeychecking') {
    if (/^(no|off|accept-new)$/i.test(value)) {
      const message = `StrictHostKeyChecking=${value} is ignored: mesh trusts no host key silently`;
      remarks.push({ severity: 'warning', message, fix: KEY_FIX });
    }
  } else if (!HARMLESS.has(key)) {
    remarks.push(unsupported(`-o ${name}`));
  }
}

/** mesh keeps one connection per host and watches it itself, so these ask for what is done anyway. */
const HARMLESS = new Set(
  'controlmaster controlpersist controlpath loglevel serveraliveinterval serveralivecountmax tcpkeepalive batchmode'.split(
    ' ',
  ),
);

function knownHosts(value: string, args: SshArguments, remarks: SshArgumentRemark[]): void {
  for (const file of value.split(/\s+/)) {
    if (/^(\/dev\/null|none)$/i.test(file)) {
      const message = `UserKnownHostsFile=${file} is ignored: mesh trusts no host key silently`;
      remarks.push({ severity: 'warning', message, fix: KEY_FIX });
    } else {
      args.knownHostsFiles.push(file);
    }
  }
}

/** `ssh -W %h:%p [user@]bastion` is a jump host in other words; any other command would have to be run. */
function proxyCommand(value: string, args: SshArguments, remarks: SshArgumentRemark[]): void {
  if (value === 'none') return;
  const jump = jumpOf(value, remarks);
  if (jump !== undefined) {
    if (args.proxyJump.length === 0) args.proxyJump = [jump];
    return;
  }
  const fix = 'write -J user@bastion:port, or put the ProxyCommand into ~/.ssh/config';
  remarks.push({ severity: 'fault', message: `the ProxyCommand "${value}" is not supported`, fix });
}

function jumpOf(command: string, remarks: SshArgumentRemark[]): string | undefined {
  let words: string[];
  try {
    words = splitWords(command);
  } catch {
    return undefined;
  }
  if (!/^(?:\S*\/)?ssh$/.test(words.shift() ?? '')) return undefined;
  let [target, user, port, forwards]: [string?, string?, string?, boolean?] = [];
  const dropped: string[] = [];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const letter = /^-([A-Za-z])/.exec(word)?.[1];
    if (letter === undefined) {
      if (target !== undefined) return undefined;
      target = word;
    } else if (WITH_VALUE.includes(letter)) {
      const value = word.length > 2 ? word.slice(2) : words.shift();
      if (letter === 'W') forwards = value === '%h:%p' || value === '[%h]:%p';
      else if (letter === 'p') port = value;
      else if (letter === 'l') user = value;
      else dropped.push(`-${letter} ${value}`);
    } else if (!/^-[qTtaxCv]+$/.test(word)) {
      dropped.push(word);
    }
  }
  if (!forwards || target === undefined) return undefined;
  for (const what of dropped) {
    const fix = `put it below "Host ${target}" in ~/.ssh/config`;
    remarks.push({ severity: 'warning', message: `${what} for the jump host ${target} has no effect in mesh`, fix });
  }
  return `${user && !target.includes('@') ? `${user}@` : ''}${target}${port ? `:${port}` : ''}`;
}
