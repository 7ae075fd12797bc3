import type { Complaints } from './complaints.js';
import { nearest } from './nearest.js';
import { BECOME_PASSWORD, type ConnectionContext, PASSWORD, passwordFor } from './passwords.js';
import { expandHome } from './paths.js';
import type { HostReader, Resolved } from './resolved.js';
import { defined } from './settings.js';
import { readSshArguments, type SshArguments } from './ssh-args.js';
import type { Connection, Variable } from './types.js';
import { describeValue } from './values.js';

// Of several names of one setting the last one that is set counts, as in Ansible's ssh and sudo plugins.
const HOST = ['ansible_host', 'ansible_ssh_host'];
const PORT = ['ansible_port', 'ansible_ssh_port'];
const USER = ['ansible_user', 'ansible_ssh_user'];
const KEY = ['ansible_private_key_file', 'ansible_ssh_private_key_file'];
const BECOME_USER = ['ansible_become_user', 'ansible_sudo_user'];
const ARGUMENTS = ['ansible_ssh_args', 'ansible_ssh_common_args', 'ansible_ssh_extra_args'];
const BECOME = ['ansible_become', 'ansible_become_method', 'ansible_become_flags', 'ansible_become_exe'];

const READ = new Set([...HOST, ...PORT, ...USER, ...PASSWORD, ...KEY, ...BECOME_USER, ...BECOME_PASSWORD]);
for (const name of [...ARGUMENTS, ...BECOME, 'ansible_connection', 'ansible_shell_type', 'ansible_python_interpreter'])
  READ.add(name);

/** Warns of an `ansible_*` variable that is a letter or two away from one that mesh reads. */
export function checkConnectionNames(vars: ReadonlyMap<string, Variable>, complaints: Complaints): void {
  for (const [name, { origin }] of vars) {
    if (!name.startsWith('ansible_') || READ.has(name)) continue;
    const meant = nearest(
      name.slice('ansible_'.length),
      [...READ].map((known) => known.slice('ansible_'.length)),
    );
    const close = meant !== undefined && Math.abs(meant.length + 'ansible_'.length - name.length) <= 1;
    if (close && !/^ansible_(facts|ssh_|group_priority|network_os)/.test(name)) {
      complaints.warning(`"${name}" has no meaning here`, origin.keyAt, `did you mean "ansible_${meant}"?`);
    }
    if (/^ansible_(ssh_)?host_key_checking$/.test(name)) {
      const fix = 'record host keys with --accept-new, or with ssh-keyscan after comparing the fingerprint';
      complaints.warning(`${name} is ignored: mesh trusts no host key silently`, origin.keyAt, fix);
    }
  }
}

/** How SSH reaches a host, from its `ansible_*` variables. */
export function readConnection(host: HostReader, context: ConnectionContext): Connection {
  const { complaints, env } = context;
  refuseOthers(host, complaints);
  const args = sshArguments(host, complaints);
  const keyFile = textOf(host.last(KEY), complaints) ?? args.keyFile;
  const becomeUser = textOf(host.last(BECOME_USER), complaints);
  const becomePassword = passwordFor(host, BECOME_PASSWORD, context);
  return {
    host: textOf(host.last(HOST), complaints) ?? host.host,
    ...defined('port', port(host.last(PORT), complaints) ?? args.port),
    ...defined('user', textOf(host.last(USER), complaints) ?? args.user),
    ...defined('password', passwordFor(host, PASSWORD, context)),
    ...defined('keyFile', keyFile === undefined ? undefined : expandHome(keyFile, env)),
    proxyJump: args.proxyJump,
    knownHostsFiles: args.knownHostsFiles.map((file) => expandHome(file, env)),
    become: {
      enabled: truth(host.get('ansible_become'), complaints) ?? false,
      user: becomeUser ?? 'root',
      ...defined('password', becomePassword),
    },
  };
}

function refuseOthers(host: HostReader, complaints: Complaints): void {
  const refuse = (name: string, allowed: RegExp, fix: string) => {
    const found = host.get(name);
    if (!found || allowed.test(String(found.value))) return;
    complaints.fault(`${name} is ${describeValue(found.value)}, which mesh cannot do`, found.at, fix);
  };
  const out = 'mesh works over SSH alone: remove the variable, or make a group "mesh" without this host';
  refuse('ansible_connection', /^(ansible\.builtin\.)?(ssh|smart|paramiko|paramiko_ssh)$/, out);
  refuse(
    'ansible_become_method',
    /^(ansible\.builtin\.)?sudo$/,
    'mesh becomes root by sudo alone: remove the variable',
  );
  refuse('ansible_become_exe', /^(\S*\/)?sudo$/, 'mesh becomes root by sudo alone: remove the variable');
  refuse('ansible_shell_type', /^(sh|bash|dash|ksh|zsh)$/, 'mesh needs a POSIX shell on the host: remove the variable');
  const flags = host.get('ansible_become_flags');
  if (flags && !/^(\s*-[HSnE]+\s*)*$/.test(String(flags.value))) {
    complaints.warning('ansible_become_flags has no effect in mesh', flags.at, 'remove it, or set it in /etc/sudoers');
  }
}

function sshArguments(host: HostReader, complaints: Complaints): SshArguments {
  const all: SshArguments = { proxyJump: [], knownHostsFiles: [] };
  for (const name of ARGUMENTS) {
    const found = host.get(name);
    const text = textOf(found, complaints);
    if (!found || text === undefined) continue;
    const { args, remarks } = readSshArguments(text);
    for (const { severity, message, fix } of remarks) complaints[severity](`${name}: ${message}`, found.at, fix);
    if (all.proxyJump.length === 0) all.proxyJump = args.proxyJump;
    all.knownHostsFiles.push(...args.knownHostsFiles);
    all.keyFile ??= args.keyFile;
    all.port ??= args.port;
    all.user ??= args.user;
  }
  return all;
}

function textOf(found: Resolved | undefined, complaints: Complaints): string | undefined {
  if (!found) return undefined;
  if (typeof found.value === 'string') return found.value === '' ? undefined : found.value;
  if (typeof found.value === 'number' && /user/.test(found.name)) return String(found.value);
  complaints.fault(
    `${found.name} must be text, and this is ${describeValue(found.value)}`,
    found.at,
    'put the value in quotes',
  );
  return undefined;
}

function port(found: Resolved | undefined, complaints: Complaints): number | undefined {
  if (!found) return undefined;
  const value = typeof found.value === 'string' && /^\d+$/.test(found.value) ? Number(found.value) : found.value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  const message = `${found.name} must be a number from 1 to 65535, and this is ${describeValue(found.value)}`;
  complaints.fault(message, found.at, `write "${found.name}: 22"`);
  return undefined;
}

function truth(found: Resolved | undefined, complaints: Complaints): boolean | undefined {
  if (!found) return undefined;
  if (typeof found.value === 'boolean') return found.value;
  const text = String(found.value).toLowerCase();
  if (['y', 'yes', 'on', '1', 'true', 't'].includes(text)) return true;
  if (['n', 'no', 'off', '0', 'false', 'f'].includes(text)) return false;
  const message = `${found.name} must be yes or no, and this is ${describeValue(found.value)}`;
  complaints.fault(message, found.at, `write "${found.name}: yes"`);
  return undefined;
}
