import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container, FileFact, HostFacts, PackageFact, ServiceFact } from '../../src/facts/types.js';
import { setFile, textFile } from '../../src/resources/facts-edit-host.js';
import { parentsOf } from '../../src/resources/shell.js';
import { known } from './facts.js';

/** Facts of files, packages, services and containers for tests of the host's resources. */

export const absent: FileFact = { kind: 'absent' };
export const folder: FileFact = { kind: 'directory', mode: '0755', owner: 'root', group: 'root' };

/** The facts with these files; their parents are directories unless they are given. */
export function withFiles(facts: HostFacts, files: Readonly<Record<string, FileFact | string>>): HostFacts {
  const parents = Object.keys(files).flatMap((path) => parentsOf(path));
  const base = parents.reduce((seen, parent) => (seen.files[parent] ? seen : setFile(seen, parent, folder)), facts);
  const made = Object.entries(files).map(([path, fact]) => {
    return [path, known(typeof fact === 'string' ? textFile(fact, '0644') : fact)];
  });
  return { ...base, files: { ...base.files, ...Object.fromEntries(made) } };
}

export function withServices(facts: HostFacts, services: Readonly<Record<string, Partial<ServiceFact>>>): HostFacts {
  const running: ServiceFact = { load: 'loaded', active: 'active', enabled: 'enabled' };
  const made = Object.entries(services).map(([name, service]) => [name, known({ ...running, ...service })]);
  return { ...facts, services: { ...facts.services, ...Object.fromEntries(made) } };
}

export const stopped: ServiceFact = { load: 'loaded', active: 'inactive', enabled: 'disabled' };
export const missing: ServiceFact = { load: 'not-found', active: 'inactive', enabled: '' };

export function withPackages(facts: HostFacts, packages: Readonly<Record<string, PackageFact>>): HostFacts {
  const made = Object.entries(packages).map(([name, fact]) => [name, known(fact)]);
  return { ...facts, packages: { ...facts.packages, ...Object.fromEntries(made) } };
}

export function aContainer(name: string, changes: Partial<Container> = {}): Container {
  return {
    id: `${name}-id`,
    name,
    image: 'mesh/probe',
    running: true,
    restartPolicy: 'no',
    autoRemove: false,
    networkMode: 'default',
    endpoints: [{ network: 'bridge', address: '172.17.0.2', mac: null }],
    ...changes,
  };
}

export interface Ran {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a step's text as the apply program does: a shell of its own, `set -e`, nothing on stdin. */
export function runStep(command: string, shell = 'sh'): Ran {
  const { status, stdout, stderr } = spawnSync(shell, ['-c', `set -e\n${command}`], { encoding: 'utf8', input: '' });
  return { code: status, output: stdout + stderr };
}

/** A directory that is gone once `use` has ended. */
export function inTemporaryDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'mesh-test-'));
  try {
    return use(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Who runs the tests: the owner that a file gets without chown. */
export const me = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
