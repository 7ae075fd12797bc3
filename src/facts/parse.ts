import { parseDocker } from './docker.js';
import { known } from './fact.js';
import { parseFiles } from './files.js';
import { readSections } from './frames.js';
import { parseIptables } from './iptables.js';
import { parseLinks } from './links.js';
import { parseMesh } from './mesh.js';
import { parseOpenvSwitch } from './openvswitch.js';
import { parsePackages } from './packages.js';
import { parsePackaging } from './packaging.js';
import { parseChecks, parseSysctls } from './settings.js';
import { parseServices, parseSystem } from './system.js';
import type { Fact, HostFacts, Interests } from './types.js';

/**
 * What a host's output of `observeScript(interests, nonce)` says. Never throws: what is missing, cut or not understood
 * is unknown with a reason. `tookMs` is the duration of the observation in milliseconds.
 */
export function parseFacts(
  host: string,
  stdout: Buffer,
  nonce: string,
  interests: Interests,
  tookMs: number,
): HostFacts {
  const sections = readSections(stdout, nonce);
  const network = parseLinks(sections);
  const part = <T>(pick: (lines: Extract<typeof network, { known: true }>['value']) => T): Fact<T> =>
    network.known ? known(pick(network.value)) : network;
  return {
    host,
    tookMs,
    system: parseSystem(sections),
    links: part(({ links }) => links),
    addresses: part(({ addresses }) => addresses),
    routes: part(({ routes }) => routes),
    openvswitch: parseOpenvSwitch(sections, interests),
    docker: parseDocker(sections),
    iptables: parseIptables(sections),
    packages: parsePackages(sections, interests),
    services: parseServices(sections, interests),
    files: parseFiles(sections, interests),
    sysctls: parseSysctls(sections, interests),
    checks: parseChecks(sections, interests),
    packaging: parsePackaging(sections),
    mesh: parseMesh(sections),
  };
}
