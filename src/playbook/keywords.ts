/** What can stand in a play. */
export const playKeywords = [
  'name',
  'hosts',
  'vars',
  'tags',
  'serial',
  'become',
  'gather_facts',
  'tasks',
  'handlers',
] as const;

/** What can stand in a task beside its resource. */
export const taskKeywords = [
  'name',
  'when',
  'loop',
  'loop_control',
  'vars',
  'tags',
  'notify',
  'run_once',
  'delegate_to',
  'become',
] as const;

export type PlayKeyword = (typeof playKeywords)[number];
export type TaskKeyword = (typeof taskKeywords)[number];

const order = 'tasks run in the order in which they are written: write them under `tasks`';
const noFiles = 'write the tasks (and variables) into this file';
const asRoot = 'leave it out: steps run as root; how mesh becomes root is set in the inventory (ansible_become)';
const ssh = 'set it for the host in the inventory';
const noInput = 'set the variable in the inventory, or with --extra-vars';
const stops = 'leave it out: a host on which a step fails runs no further step, the other hosts go on';

/** Ansible's keywords that mesh does not have, with what to write instead. From Ansible's "Playbook Keywords". */
const ansiblePlay: Readonly<Record<string, string>> = {
  any_errors_fatal: stops,
  become_exe: asRoot,
  become_flags: asRoot,
  become_method: asRoot,
  become_user: asRoot,
  check_mode: 'run `mesh plan`, or `mesh run --check`',
  collections: 'leave it out: resources belong to mesh',
  connection: ssh,
  debugger: 'leave it out, and run with --verbose',
  diff: 'run `mesh plan --diff`',
  environment: 'set variables within the command of a `command` resource',
  fact_path: 'leave it out: mesh observes what `mesh facts HOST` shows',
  force_handlers: stops,
  gather_subset: 'leave it out: facts are always observed',
  gather_timeout: 'leave it out: facts are always observed',
  ignore_errors: stops,
  ignore_unreachable: stops,
  import_playbook: 'write its plays into this file, or run the two files one after the other',
  include: noFiles,
  max_fail_percentage: stops,
  module_defaults: 'write the parameters in each task, or share them with a YAML anchor',
  no_log: 'leave it out: steps take no secret',
  order: 'leave it out: hosts run side by side',
  port: ssh,
  post_tasks: order,
  pre_tasks: order,
  remote_user: ssh,
  roles: noFiles,
  run_once: 'write it in the task',
  strategy: 'leave it out: every play is a barrier for all hosts; `serial` takes fewer at a time',
  throttle: 'use `serial` in the play, or --forks',
  timeout: 'write the timeout into the parameters of the resource, where it has one',
  user: ssh,
  vars_files: 'write the variables under `vars`, or in group_vars/ and host_vars/ beside the inventory',
  vars_prompt: noInput,
};

const planned = 'the plan is complete before anything runs: use facts (`facts.…`) instead of the result of a task';
const failure = 'leave it out: a step that ends with another exit code than 0 has failed';

const ansibleTask: Readonly<Record<string, string>> = {
  action: 'write the resource as the key: `package: { name: … }`',
  any_errors_fatal: stops,
  args: 'write all parameters under the resource',
  async: 'leave it out: steps run detached from the connection anyway',
  become_exe: asRoot,
  become_flags: asRoot,
  become_method: asRoot,
  become_user: asRoot,
  block: 'write the tasks one by one; share a condition with a variable: `when: my_condition`',
  always: 'write the tasks one by one; nothing is caught, so nothing needs to be done in any case',
  changed_when: 'give a `command` a `check`, `creates` or `removes`: it runs only where something is to do',
  check_mode: 'run `mesh plan`, or `mesh run --check`',
  collections: 'leave it out: resources belong to mesh',
  connection: ssh,
  debugger: 'leave it out, and run with --verbose',
  delay: failure,
  delegate_facts: 'leave it out: the facts of every host are observed; see `hostvars`',
  diff: 'run `mesh plan --diff`',
  environment: 'set variables within the command of a `command` resource',
  failed_when: failure,
  ignore_errors: stops,
  ignore_unreachable: stops,
  import_role: noFiles,
  import_tasks: noFiles,
  include: noFiles,
  include_role: noFiles,
  include_tasks: noFiles,
  include_vars: noFiles,
  listen: 'notify the handler by its name',
  local_action: 'mesh changes hosts only; run local commands before or after it',
  module_defaults: 'write the parameters in each task, or share them with a YAML anchor',
  no_log: 'leave it out: steps take no secret',
  poll: 'leave it out: steps run detached from the connection anyway',
  port: ssh,
  register: planned,
  remote_user: ssh,
  rescue:
    'write the tasks one by one; a host on which a step fails stops there, and the undo of its steps is in the report',
  retries: failure,
  throttle: 'use `serial` in the play, or --forks',
  timeout: 'write the timeout into the parameters of the resource, where it has one',
  until: failure,
};

/** What to write instead of a keyword of Ansible that mesh does not have; undefined for what is no such keyword. */
export function ansibleKeyword(where: 'play' | 'task', key: string): string | undefined {
  if (where === 'task' && key.startsWith('with_'))
    return `write \`loop\`${key === 'with_dict' ? ' with `| dict2items`' : ''}`;
  const table = where === 'play' ? ansiblePlay : ansibleTask;
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Ansible's modules by what they do, and the resources of mesh that do it, best first. */
const modules: readonly (readonly [names: string, resources: readonly string[], advice?: string])[] = [
  ['apt dnf yum dnf5 package apk zypper pacman', ['package']],
  ['service systemd systemd_service sysvinit', ['service', 'systemd_unit']],
  ['copy template file lineinfile blockinfile replace assemble', ['file']],
  ['command shell raw script expect', ['command']],
  ['sysctl', ['sysctl']],
  ['iptables firewalld ufw nftables', ['iptables_rules', 'iptables']],
  ['openvswitch_bridge ovs_bridge', ['ovs_bridge']],
  ['openvswitch_port ovs_port', ['ovs_tunnels', 'ovs_port', 'command']],
  ['openvswitch_db', ['ovs_bridge', 'command']],
  ['docker_network', ['docker_daemon', 'command']],
  ['modprobe', ['command']],
  ['nmcli', ['link', 'routes', 'command']],
  ['set_fact', [], 'write the value under `vars` of the play or task: it is evaluated when it is used'],
  ['debug', [], 'use `mesh facts HOST` or `mesh inventory --host NAME` to see values'],
  ['assert fail', [], 'use `when`'],
  ['setup gather_facts', [], 'leave it out: facts are always observed'],
  ['meta', [], 'leave it out: handlers run at the end of the play'],
  ['ping wait_for wait_for_connection', [], 'leave it out: mesh waits for hosts and proves connections itself'],
  ['reboot pause', [], 'do it between two runs'],
  ['git get_url unarchive uri user group cron mount hostname', ['command']],
];

/** What to write instead of a module of Ansible; undefined if the key is the name of no module. */
export function ansibleModule(key: string, resourceTypes: readonly string[]): string | undefined {
  const short = key.split('.').at(-1) ?? key;
  const found = modules.find(([names]) => names.split(' ').includes(short));
  const dotted = /^[a-z0-9_]+(?:\.[a-z0-9_]+)+$/.test(key);
  const own = dotted && resourceTypes.includes(short) ? short : undefined;
  const resource = own ?? found?.[1].find((type) => resourceTypes.includes(type));
  if (resource !== undefined) return `write \`${resource}\`, the resource that does it here`;
  if (found?.[2] !== undefined) return found[2];
  return found || dotted ? `there are the resources ${resourceTypes.join(', ')}` : undefined;
}
