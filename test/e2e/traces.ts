import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { labPlaces } from '../../src/lab/names.js';
import { allProcesses } from '../../src/lab/processes.js';

/** Everything that a lab of this name has on the machine now; an empty list after `down`. */
export function tracesOfLab(name: string, inventoryFile: string): string[] {
  const lab = labPlaces(name);
  const tag = `mesh.${lab.tag}.`;
  const namespaces = list('/run/netns').filter((netns) => netns.startsWith(tag));
  const processes = allProcesses()
    .filter(({ argv }) => argv.some((word) => word.includes(tag) || word.includes(`${lab.directory}/`)))
    .map(({ pid, argv }) => `process ${pid} ${argv.join(' ')}`);
  const mounts = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(lab.directory) || line.includes(tag));
  const groups = execFileSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `*${tag}*`], { encoding: 'utf8' });
  const nspawn = list('/run/systemd/nspawn/propagate').filter((entry) => entry.startsWith(tag));
  const files = [lab.directory, inventoryFile].filter((path) => existsSync(path));
  return [...namespaces, ...processes, ...mounts, ...groups.split('\n').filter(Boolean), ...nspawn, ...files];
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
