import { basename, dirname, extname } from 'node:path';
import { InputError } from '../errors.js';
import { quote } from '../quote.js';
import { type Complaints, collectComplaints } from './complaints.js';
import { checkConnectionNames, readConnection } from './connection.js';
import { excerpt } from './excerpt.js';
import { type Graph, readGraph } from './graph.js';
import { closePasswords, passwordNames } from './passwords.js';
import { selectHosts } from './patterns.js';
import { type Merged, mergeVariables } from './precedence.js';
import { readInventoryText } from './read-text.js';
import { type Evaluate, readHost } from './resolved.js';
import { checkSettingNames, readSettings } from './settings.js';
import type { Group, Inventory, Variable } from './types.js';
import { validateMesh } from './validate.js';
import { describeNode, holdsVault, VAULT_FIX } from './values.js';
import { openVarsFolder } from './vars-files.js';
import { readYaml, type YamlMap } from './yaml.js';

export interface LoadOptions {
  /** An Ansible pattern: fills `selected`. The graph is always the whole inventory's. */
  readonly limit?: string;
  /** Where `${NAME}` and `~` look; default: the process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Evaluates templates in connection and mesh settings; without it a template there is a fault. */
  readonly evaluate?: Evaluate;
}

/**
 * Reads an Ansible YAML inventory with its group_vars/ and host_vars/, as ansible-core does, and checks what mesh needs.
 *
 * @throws {InputError} with every fault that was found, in the order of files and lines; `limit` is looked at last.
 */
export async function loadInventory(file: string, options: LoadOptions = {}): Promise<Inventory> {
  const complaints = collectComplaints();
  const root = await readInventoryFile(file, complaints);
  const graph = root && readGraph(root, complaints);
  if (!graph) throw failure(complaints);
  const directory = dirname(file);
  const groupFiles = await openVarsFolder(directory, 'group_vars', complaints);
  const hostFiles = await openVarsFolder(directory, 'host_vars', complaints);
  const merged = await mergeVariables(graph, groupFiles, hostFiles);
  checkNames(graph, merged, complaints);
  const meshed = meshedNames(graph, merged);
  const inMesh = new Set(meshed);
  const env = options.env ?? process.env;
  const secret = passwordNames([...graph.hosts.keys()].map((name) => merged.hostVars(name)));
  const close = (vars: ReadonlyMap<string, Variable>) => closePasswords(vars, secret, { file, env });
  const hosts = [...graph.hosts.values()].map((host) => {
    // What is wrong with a host that is not meshed stops nobody.
    const heard = inMesh.has(host.name) ? complaints : { ...complaints, fault: complaints.warning };
    const groups = merged.groupsOf(host.name);
    const vars = merged.hostVars(host.name);
    const reader = readHost(host.name, groups, vars, heard, options.evaluate);
    const connection = readConnection(reader, { file, env, complaints: heard });
    const mesh = readSettings(reader, connection.host, heard);
    return { name: host.name, at: host.at, groups, vars: close(vars), connection, mesh };
  });
  if (hosts.length === 0) noHosts(file, complaints);
  else if (meshed.length === 0) {
    const message = 'the group "mesh" has no hosts, so there is nothing to mesh';
    complaints.fault(
      message,
      graph.groups.get('mesh')?.at,
      'put hosts into it, or remove it: without it all hosts are meshed',
    );
  }
  validateMesh(
    hosts.filter((host) => inMesh.has(host.name)),
    hosts,
    complaints,
  );
  if (complaints.faults().length > 0) throw failure(complaints);
  const groups = new Map(
    [...graph.groups.values()].map(({ name, hosts: members, children }): [string, Group] => [
      name,
      { name, hosts: [...members], children: [...children], vars: close(merged.groupVars(name)) },
    ]),
  );
  const inventory = {
    file,
    hosts,
    groups,
    meshed,
    selected: hosts.map((host) => host.name),
    warnings: complaints.warnings(),
  };
  if (options.limit === undefined) return inventory;
  const limited = new Set(selectHosts(inventory, options.limit).map((host) => host.name));
  // A run on no host would end as a success that nobody has asked for.
  if (limited.size === 0) {
    const message = `the limit ${JSON.stringify(options.limit)} leaves no host`;
    throw InputError.of(message, { fix: 'see which groups have which hosts: mesh inventory --graph' });
  }
  return { ...inventory, selected: inventory.selected.filter((name) => limited.has(name)) };
}

function failure(complaints: Complaints): InputError {
  const [first, ...rest] = complaints.faults();
  return first ? new InputError([first, ...rest]) : InputError.of('the inventory cannot be read');
}

async function readInventoryFile(file: string, complaints: Complaints): Promise<YamlMap | undefined> {
  const text = await readInventoryText(file);
  const start = { file, line: 1, column: 1 };
  if (text.startsWith('$ANSIBLE_VAULT;'))
    throw InputError.of('the whole file is encrypted with Ansible Vault', {
      at: start,
      excerpt: excerpt(text, start),
      fix: VAULT_FIX,
    });
  complaints.source(file, text);
  const { root, faults } = readYaml(text, file);
  const foreign = root?.kind === 'map' ? undefined : foreignFormat(text, file);
  if (foreign)
    throw InputError.of(foreign, {
      at: start,
      excerpt: excerpt(text, start),
      fix: `convert it: ${conversion(file)}`,
    });
  complaints.add(faults);
  if (faults.length > 0) return root?.kind === 'map' ? root : undefined;
  if (!root) {
    complaints.fault('the inventory is empty', start, EXAMPLE_FIX);
    return undefined;
  }
  if (root.kind !== 'map') {
    complaints.fault(`an inventory is a mapping of groups, and this is ${describeNode(root)}`, root.at, EXAMPLE_FIX);
    return undefined;
  }
  const plugin = root.entries.find(
    (entry) => entry.name === 'plugin' && entry.value.kind === 'scalar' && entry.value.value,
  );
  if (plugin) {
    const fix = `run the plugin once: ${conversion(file)}`;
    complaints.fault("this configures an inventory plugin of Ansible's; it lists no hosts itself", plugin.key.at, fix);
    return undefined;
  }
  return root;
}

/** The command that writes an inventory anew as YAML, to a file other than the one it reads. */
function conversion(file: string): string {
  const output = basename(file) === 'inventory.yml' ? 'hosts.yml' : 'inventory.yml';
  return `ansible-inventory -i ${quote(file)} --list --yaml > ${output}`;
}

const EXAMPLE_FIX = 'write "all:", below it "hosts:", and below that one name with a colon for each host: "docker41:"';

/** A sentence about what a file is that is not YAML, or undefined. */
function foreignFormat(text: string, file: string): string | undefined {
  if (text.startsWith('#!')) return 'this is a program; mesh reads YAML and runs no inventory scripts';
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !/^\s*[#;]/.test(line));
  const section = lines.some((line) => /^\[[\w.:-]+\]\s*(#.*)?$/.test(line));
  const assignment = lines.some((line) => /^[\w.[\]:-]+\s+ansible_\w+\s*=/.test(line));
  if (section || assignment || extname(file) === '.ini')
    return "this is an inventory in Ansible's INI format; mesh reads the YAML format";
  return undefined;
}

function noHosts(file: string, complaints: Complaints): void {
  if (complaints.faults().length > 0) return;
  // What was ignored is the likeliest reason, so it is told as an error here.
  complaints.add(complaints.warnings());
  complaints.fault('the inventory has no hosts', { file, line: 1, column: 1 }, EXAMPLE_FIX);
}

function checkNames(graph: Graph, merged: Merged, complaints: Complaints): void {
  const sets = [
    ...[...graph.groups.keys()].map((name) => ({ vars: merged.groupVars(name), of: `group ${name}` })),
    ...[...graph.hosts.keys()].map((name) => ({ vars: merged.hostVars(name), of: `host ${name}` })),
  ];
  for (const { vars } of sets) {
    checkSettingNames(vars, complaints);
    checkConnectionNames(vars, complaints);
    for (const [name, { value, origin }] of vars) {
      if (!holdsVault(value) || name.startsWith('mesh_') || name.startsWith('ansible_')) continue;
      complaints.warning(`${name} is encrypted with Ansible Vault: mesh cannot use it`, origin.at, VAULT_FIX);
    }
  }
}

/** The hosts of the group `mesh` and of the groups below it if there is such a group, else all, in the order of the file. */
function meshedNames(graph: Graph, merged: Merged): readonly string[] {
  const all = [...graph.hosts.keys()];
  return graph.groups.has('mesh') ? all.filter((name) => merged.groupsOf(name).includes('mesh')) : all;
}
