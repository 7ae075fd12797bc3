import type { Lab } from '../../src/lab/index.js';
import { quote } from '../../src/quote.js';

/** Runs shell text on a lab host, as root and not by SSH; what it wrote. Rejects where it fails. */
export async function shell(lab: Lab, host: string, text: string): Promise<string> {
  const { code, stdout, stderr } = await lab.exec(host, ['sh', '-c', `set -e\n${text}`]);
  if (code !== 0) throw new Error(`${host}: ${text}\nended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

const volumes = ['/bin', '/lib', '/lib64', '/usr'].map((folder) => `-v ${folder}:${folder}:ro`).join(' ');

/** Starts containers that sleep, from an image that needs no registry: each by its name and further words of `docker run`. */
export async function runContainers(
  lab: Lab,
  host: string,
  containers: Readonly<Record<string, string>>,
): Promise<void> {
  // As the first process of a container, sleep ignores what would end it: Docker would wait for it at every restart.
  const quick = '--stop-signal KILL';
  const runs = Object.entries(containers).map(
    ([name, words]) => `docker run -d ${quick} --name ${quote(name)} ${words} ${volumes} mesh/probe sleep 100000`,
  );
  await shell(lab, host, `tar cT /dev/null | docker import - mesh/probe\n${runs.join('\n')}`);
}

/** Removes all containers, networks and images of these tests. */
export async function removeContainers(lab: Lab, host: string): Promise<void> {
  await shell(
    lab,
    host,
    `ids=$(docker ps -aq); [ -z "$ids" ] || docker rm -f $ids; docker network prune -f; docker image inspect mesh/probe >/dev/null 2>&1 && docker rmi mesh/probe || :`,
  );
}

/** The names of the containers that run. */
export async function running(lab: Lab, host: string): Promise<string[]> {
  return (await shell(lab, host, "docker ps --format '{{.Names}}'")).split('\n').filter(Boolean).sort();
}

/** How many of `count` pings came back; from inside a container where one is named. */
export async function pings(lab: Lab, host: string, to: string, count = 3, container?: string): Promise<number> {
  const inside = container ? `nsenter -t $(docker inspect -f '{{.State.Pid}}' ${quote(container)}) -n ` : '';
  const said = await shell(lab, host, `${inside}ping -n -c ${count} -i 0.2 -W 1 ${quote(to)} || :`);
  return Number(/(\d+) received/.exec(said)?.[1] ?? 0);
}

/** A container's address on Docker's bridge. */
export async function addressOf(lab: Lab, host: string, container: string): Promise<string> {
  return (await shell(lab, host, `docker inspect -f '{{.NetworkSettings.IPAddress}}' ${quote(container)}`)).trim();
}
