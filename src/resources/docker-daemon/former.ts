import * as z from 'zod';
import type { DockerFacts, FileFact, HostFacts } from '../../facts/types.js';
import { formerFile, isAsBefore } from '../former-file.js';
import { need } from '../params.js';
import type { Diff } from '../types.js';
import { bridgeNetwork } from './network.js';
import type { FormerBridge } from './restart.js';

/** What a host had before mesh set anything of dockerd's. */
export const dockerRecord = z.object({
  file: formerFile,
  /** docker0's IPv4 addresses with prefixes, and its MTU; null: there was no docker0. */
  bridge: z
    .object({ addresses: z.array(z.string().regex(/^[0-9.]+\/\d+$/)).readonly(), mtu: z.number().int() })
    .nullable(),
  /** The default bridge network; null: dockerd did not run. */
  network: z.object({ subnet: z.string(), gateway: z.string().nullable(), range: z.string().nullable() }).nullable(),
});

export type DockerRecord = z.infer<typeof dockerRecord>;

/** docker0 as it is, or null. */
export function bridgeNow(
  facts: HostFacts,
  bridge: string,
): { readonly known: true; readonly value: FormerBridge | null } | { readonly known: false; readonly diff: Diff } {
  const links = need(facts.links, 'the links');
  if (!links.known) return links;
  const addresses = need(facts.addresses, 'the addresses');
  if (!addresses.known) return addresses;
  const link = links.value.find((one) => one.name === bridge);
  if (!link) return { known: true, value: null };
  const own = addresses.value.filter((address) => address.link === bridge && address.family === 4);
  return { known: true, value: { addresses: own.map(({ address, prefix }) => `${address}/${prefix}`), mtu: link.mtu } };
}

export type FormerDiff =
  | { readonly kind: 'same'; readonly diff?: undefined }
  | { readonly kind: 'unknown'; readonly diff: Diff }
  | { readonly kind: 'differs'; readonly file: boolean; readonly network: boolean };

/** Whether file, docker0 and network are what they were. */
export function formerDiff(
  facts: HostFacts,
  docker: DockerFacts,
  bridge: string,
  file: FileFact,
  was: DockerRecord,
): FormerDiff {
  const now = bridgeNow(facts, bridge);
  if (!now.known) return { kind: 'unknown', diff: now.diff };
  const sameFile = isAsBefore(file, was.file);
  const sorted = (one: FormerBridge | null) => [...(one?.addresses ?? [])].sort().join(' ');
  const network = bridgeNetwork(docker, bridge)?.subnets.find((subnet) => !subnet.subnet.includes(':'));
  const sameNetwork =
    !docker.installed ||
    // A dockerd that runs has a bridge, also where there was none without it.
    (docker.running && was.bridge === null) ||
    (sorted(now.value) === sorted(was.bridge) &&
      (!docker.running ||
        was.network === null ||
        (network?.subnet === was.network.subnet &&
          // Until its first restart dockerd does not name the gateway; docker0's address, compared above, is it.
          (was.network.gateway === null || network.gateway === was.network.gateway) &&
          (network.range ?? null) === was.network.range)));
  if (sameFile && sameNetwork) return { kind: 'same' };
  return { kind: 'differs', file: !sameFile, network: !sameNetwork };
}
