import type { DockerFacts } from '../../facts/types.js';
import type { Diff } from '../types.js';
import type { JsonObject } from './json-text.js';
import { overlapping } from './network.js';

type Refused = Extract<Diff, { kind: 'refused' }>;

/** The bridge that dockerd makes for itself; no setting renames it. */
const DEFAULT_BRIDGE = 'docker0';

/** dockerd's short flags, and those whose key in daemon.json is a plural (docs.docker.com, dockerd reference). */
const KEY_OF_FLAG: ReadonlyMap<string, string> = new Map([
  ['-b', 'bridge'],
  ['-D', 'debug'],
  ['-G', 'group'],
  ['-g', 'data-root'],
  ['-H', 'hosts'],
  ['-l', 'log-level'],
  ['-p', 'pidfile'],
  ['-s', 'storage-driver'],
  ['--graph', 'data-root'],
  ['--host', 'hosts'],
  ['--authorization-plugin', 'authorization-plugins'],
  ['--cluster-store-opt', 'cluster-store-opts'],
  ['--default-address-pool', 'default-address-pools'],
  ['--default-ulimit', 'default-ulimits'],
  ['--dns-opt', 'dns-opts'],
  ['--exec-opt', 'exec-opts'],
  ['--insecure-registry', 'insecure-registries'],
  ['--label', 'labels'],
  ['--log-opt', 'log-opts'],
  ['--node-generic-resource', 'node-generic-resources'],
  ['--registry-mirror', 'registry-mirrors'],
  ['--storage-opt', 'storage-opts'],
]);

/** A flag of dockerd's: as it was written, the key of daemon.json that means the same, and its value. */
export interface Flag {
  readonly flag: string;
  readonly key: string;
  readonly value: string;
}

/** Reads dockerd's own command line. `--flag=value`, `--flag value` and a bare `--flag` (true) are its forms. */
export function readFlags(words: readonly string[]): readonly Flag[] {
  return words.flatMap((word, at): readonly Flag[] => {
    const split = /^(--?[A-Za-z][A-Za-z0-9-]*)(?:=(.*))?$/s.exec(word);
    if (split?.[1] === undefined) return [];
    const [, flag, given] = split;
    const next = words[at + 1];
    const value = given ?? (next !== undefined && !next.startsWith('-') ? next : 'true');
    return [{ flag, key: KEY_OF_FLAG.get(flag) ?? flag.replace(/^-+/, ''), value }];
  });
}

const WHERE =
  '`systemctl cat docker` shows where it stands; edit that drop-in, or override it with `systemctl edit docker` (a line `ExecStart=`, then the new command line)';

/** Where Docker is of a kind whose daemon.json mesh does not know. */
export function flavourRefused(docker: DockerFacts): Refused | undefined {
  const kinds = {
    snap: 'Docker comes from a snap, which keeps its settings and its network to itself',
    rootless: 'Docker runs rootless: its containers are in a network namespace of a user, not on docker0',
    podman: '`docker` is podman here: there is no dockerd and no docker0',
    desktop: 'Docker Desktop runs its containers in a virtual machine, not on docker0',
  } as const;
  if (docker.flavour === 'engine') return undefined;
  const fix = 'install Docker Engine from packages (docker.io, docker-ce), or take the host out of the mesh';
  return { kind: 'refused', sentence: kinds[docker.flavour], fix };
}

/** Whether dockerd would refuse, or silently break, `merged`: what its file holds once `settings` are in it. */
export function settingsRefused(
  docker: DockerFacts,
  path: string,
  bridge: string,
  settings: JsonObject,
  merged: JsonObject,
): Refused | undefined {
  const flags = readFlags(docker.flags);
  const file = flags.find((flag) => flag.key === 'config-file' && flag.value !== path);
  if (file) {
    const sentence = `dockerd reads its settings from ${file.value} (flag ${file.flag}), not from ${path}`;
    return { kind: 'refused', sentence, fix: `give this task \`path: ${file.value}\`, or remove the flag: ${WHERE}` };
  }
  const twice = flags.find((flag) => settings[flag.key] !== undefined && settings[flag.key] !== null);
  if (twice) {
    const sentence = `dockerd is started with ${twice.flag} ${twice.value}; it does not start when ${path} sets ${twice.key} as well`;
    return { kind: 'refused', sentence, fix: `take the flag away: ${WHERE}` };
  }
  return networkRefused(docker, flags, path, bridge, merged);
}

function networkRefused(
  docker: DockerFacts,
  flags: readonly Flag[],
  path: string,
  bridge: string,
  merged: JsonObject,
): Refused | undefined {
  const { bip, icc } = merged;
  const flagOf = (key: string) => flags.find((flag) => flag.key === key);
  if (typeof bip === 'string' && bridge !== DEFAULT_BRIDGE) {
    const sentence = `dockerd gives the address in bip to ${DEFAULT_BRIDGE}, never to ${bridge}`;
    return { kind: 'refused', sentence, fix: `give this task \`bridge: ${DEFAULT_BRIDGE}\`, or leave \`bip\` out` };
  }
  const otherBridge = typeof merged.bridge === 'string' ? merged.bridge : flagOf('bridge')?.value;
  if (typeof bip === 'string' && otherBridge !== undefined && otherBridge !== '') {
    const flag = flagOf('bridge');
    const where = flag ? `the flag ${flag.flag} ${flag.value}` : `\`bridge\` in ${path}`;
    return {
      kind: 'refused',
      sentence: `bip and bridge exclude each other: dockerd does not start with both, and ${where} names ${otherBridge}`,
      fix: flag
        ? `take the flag away: ${WHERE}`
        : 'give this task `bridge: null` under `settings`, or remove it from the file',
    };
  }
  if (icc === false || flagOf('icc')?.value === 'false') {
    const where = flagOf('icc') ? 'as a flag' : `in ${path}`;
    return {
      kind: 'refused',
      sentence: `\`icc: false\` ${where} forbids containers to talk to each other: nothing would pass through the mesh`,
      fix: flagOf('icc')
        ? `take the flag away: ${WHERE}`
        : 'give this task `icc: null` under `settings`, or remove it from the file',
    };
  }
  const [first, ...more] = typeof bip === 'string' ? overlapping(docker, bridge, bip) : [];
  if (first === undefined) return undefined;
  return {
    kind: 'refused',
    sentence: `bip ${String(bip)} overlaps ${more.length > 0 ? 'the Docker networks' : 'the Docker network'} ${[first, ...more].join(', ')}; dockerd would not start`,
    fix: 'remove that network (`docker network rm`, after its containers), make it anew elsewhere, or choose another mesh_cidr',
  };
}

/**
 * With live-restore dockerd keeps its old network while a container runs: the restart succeeds and changes nothing
 * (moby, daemon/daemon_unix.go: the network configuration is skipped while there are active sandboxes).
 */
export function liveRestoreRefused(docker: DockerFacts): Refused | undefined {
  if (!docker.liveRestore || !docker.running) return undefined;
  const running = docker.containers.filter(
    (container) => container.running && !container.networkMode.startsWith('container:'),
  );
  if (running.length === 0) return undefined;
  const names = running.map((container) => container.name).join(' ');
  return {
    kind: 'refused',
    sentence: `live-restore is on and containers run (${names}): dockerd would ignore new network settings without saying so`,
    fix: `stop them first (docker stop ${names}), or set live-restore to false, \`systemctl reload docker\`, and run this again`,
  };
}
