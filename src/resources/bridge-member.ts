import * as z from 'zod';
import type { DockerFacts, HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setLink } from './facts-edit.js';
import { isOwned } from './ovs-words.js';
import { inNetwork, ipv4Network, ipv4Number, linkName, listed, unread } from './parameters.js';
import { former, newRecords, recordKey, withRecords } from './records.js';
import { lines } from './shell.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const schema = z.strictObject({
  bridge: linkName,
  member: linkName,
  /** The part of the container network that is this host's: no container on the bridge may hold an address outside it. */
  slice: ipv4Network.optional(),
  /** The bridge's own address with its prefix, which it must have: `172.17.41.1/16`. */
  address: z.cidrv4({ error: 'this wants an address with its prefix, such as 172.17.41.1/16' }).optional(),
  /**
   * `aside`: out of the bridge where that lacks `address`, or has containers outside `slice`; else where it is.
   * `former`: in the bridge, or in none, as it was before mesh.
   */
  state: z
    .enum(['present', 'absent', 'aside', 'former'], { error: 'state is present, absent, aside or former' })
    .default('present'),
});
type Params = z.infer<typeof schema>;

const formerMaster = z.string().nullable();

/** Docker's network on a bridge: docker0's is called bridge. */
function networkOn(bridge: string, docker: DockerFacts | undefined): string {
  const named = docker?.networks.find((one) => one.options['com.docker.network.bridge.name'] === bridge);
  return named?.name ?? 'bridge';
}

/** Running containers on the network with an address outside the slice. An address that is not known yet is no finding. */
function outside(docker: DockerFacts, network: string, slice: string): readonly { name: string; address: string }[] {
  return docker.containers
    .filter((container) => container.running)
    .flatMap((container) =>
      container.endpoints.flatMap(({ network: on, address }) =>
        on === network && address && !inNetwork(address.split('/')[0] ?? address, slice)
          ? [{ name: container.name, address }]
          : [],
      ),
    );
}

/** Shell text that fails, and says why, where the bridge lacks its address. */
function addressCheck(bridge: string, address: string, stays: string): string {
  return lines(
    `ip -o -4 addr show dev ${quote(bridge)} | grep -qF ${quote(` ${address} `)} || {`,
    `  echo ${quote(`${bridge} does not have the address ${address}: ${stays}`)} >&2`,
    '  exit 1',
    '}',
  );
}

/** Shell text that fails, and says why, where a container on the bridge has an address outside the slice. */
function sliceCheck(network: string, slice: string, stays: string): string {
  const [low = '', length = '32'] = slice.split('/');
  const shift = 32 - Number(length);
  const format = quote('{{range .Containers}}{{.Name}}/{{.IPv4Address}} {{end}}');
  return lines(
    `ends=$(docker network inspect ${quote(network)} --format ${format}) || {`,
    `  echo ${quote(`Docker does not say which addresses its containers have: ${stays}`)} >&2`,
    '  exit 1',
    '}',
    'for end in $ends; do',
    '  address=${end#*/} address=${address%%/*}',
    '  [ -n "$address" ] || continue',
    '  number=$(IFS=. && set -- $address && echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4)))',
    `  if [ $((number >> ${shift})) -ne ${Math.floor(ipv4Number(low) / 2 ** shift)} ]; then`,
    `    echo "container \${end%%/*} has $address, outside "${quote(`${slice}: ${stays}`)} >&2`,
    '    exit 1',
    '  fi',
    'done',
  );
}

/** Shell text that fails where joining the bridges would put two hosts' addresses into one network. */
function checks({ bridge, member, slice, address }: Params, network: string): string {
  const stays = `${member} is not put into ${bridge}`;
  return lines(
    address !== undefined && addressCheck(bridge, address, stays),
    slice !== undefined && sliceCheck(network, slice, stays),
  );
}

function present(params: Params, facts: HostFacts): Diff {
  const { bridge, member, slice, address } = params;
  if (!facts.links.known) return unread('the network devices', facts.links) ?? nothing;
  const links = facts.links.value;
  const link = links.find((one) => one.name === member);
  const there = links.some((one) => one.name === bridge);
  const docker = facts.docker.known ? facts.docker.value : undefined;
  const network = networkOn(bridge, docker);
  if (!link) {
    return {
      kind: 'refused',
      sentence: `there is no device ${member} to put into ${bridge}`,
      fix: `let a task that makes ${member} (ovs_bridge) come before this one`,
    };
  }
  if (link.master !== null && link.master !== bridge) {
    return {
      kind: 'refused',
      sentence: `${member} is a port of ${link.master} already, not of ${bridge}`,
      fix: `take it out of there (ip link set dev ${quote(member)} nomaster) or choose another bridge with mesh_bridge`,
    };
  }
  if (slice !== undefined) {
    if (!facts.docker.known) return unread('Docker', facts.docker) ?? nothing;
    const wrong = outside(facts.docker.value, network, slice);
    if (wrong.length > 0) {
      const names = wrong.map((one) => one.name);
      return {
        kind: 'refused',
        sentence: `${bridge} has containers with addresses outside this host's slice ${slice}: ${listed(
          wrong.map((one) => `${one.name} (${one.address})`),
        )}; another host may hand out the same ones`,
        fix: `restart them, so that they get new addresses (docker restart ${names.map(quote).join(' ')}), then deploy again`,
      };
    }
  }
  if (address !== undefined && there) {
    if (!facts.addresses.known) return unread('the addresses', facts.addresses) ?? nothing;
    const own = facts.addresses.value.filter((one) => one.link === bridge && one.family === 4);
    const texts = own.map((one) => `${one.address}/${one.prefix}`);
    if (!texts.includes(address)) {
      return {
        kind: 'refused',
        sentence: `${bridge} has ${texts.length > 0 ? listed(texts) : 'no address'}, not ${address}`,
        fix: `let Docker give it that address (a docker_daemon task with bip ${address}) before ${member} joins it`,
      };
    }
  }
  if (link.master === bridge) return nothing;
  const missing = unread('what mesh left on the host', facts.mesh);
  if (missing) return missing;
  if (!there && docker?.running) {
    return {
      kind: 'refused',
      sentence: `there is no bridge ${bridge} though Docker runs`,
      fix: 'take "bridge" (or the flag --bridge) out of dockerd’s settings: without docker0 there is nothing to join',
    };
  }
  const records = newRecords(facts, { key: recordKey('bridge_member', `${bridge}/${member}`), value: link.master });
  const change: Change = {
    sentence: `make ${member} a port of ${bridge}`,
    command: lines(checks(params, network), `ip link set dev ${quote(member)} master ${quote(bridge)} up`),
    undo: { command: leave(bridge, member) },
    before: `${member} is in no bridge`,
    after: `${member} is a port of ${bridge}`,
    records,
    ...(there ? {} : { guard: `ip link show dev ${quote(bridge)} >/dev/null 2>&1` }),
    effect: (now) => withRecords(setLink(now, member, { master: bridge, up: true }), records),
  };
  return { kind: 'changes', changes: [change] };
}

/** Takes the member out of this bridge, and of no other. */
function leave(bridge: string, member: string): string {
  const port = quote(member);
  const inside = `ip -o link show dev ${port} 2>/dev/null | grep -qF ${quote(` master ${bridge} `)}`;
  return `if ${inside}; then ip link set dev ${port} nomaster; fi`;
}

/** Out of the bridge while addresses there are about to change: two hosts could answer for one until all have theirs. */
function aside({ bridge, member, slice, address }: Params, facts: HostFacts): Diff {
  if (!facts.links.known) return unread('the network devices', facts.links) ?? nothing;
  if (facts.links.value.find((one) => one.name === member)?.master !== bridge) return nothing;
  if (!facts.addresses.known) return unread('the addresses', facts.addresses) ?? nothing;
  if (!facts.docker.known) return unread('Docker', facts.docker) ?? nothing;
  const missing = unread('what mesh left on the host', facts.mesh);
  if (missing) return missing;
  const docker = facts.docker.value;
  const own = facts.addresses.value.filter((one) => one.link === bridge && one.family === 4);
  const lacks = address !== undefined && !own.some((one) => `${one.address}/${one.prefix}` === address);
  const strays = slice === undefined ? [] : outside(docker, networkOn(bridge, docker), slice);
  if (!lacks && strays.length === 0) return nothing;
  const records = newRecords(facts, { key: recordKey('bridge_member', `${bridge}/${member}`), value: bridge });
  const change: Change = {
    sentence: `take ${member} out of ${bridge} until its addresses have moved`,
    command: leave(bridge, member),
    undo: { command: `ip link set dev ${quote(member)} master ${quote(bridge)}` },
    before: `${member} is a port of ${bridge}`,
    after: `${member} is in no bridge`,
    records,
    effect: (now) => withRecords(setLink(now, member, { master: null }), records),
  };
  return { kind: 'changes', changes: [change] };
}

function absent({ bridge, member }: Params, facts: HostFacts): Diff {
  if (!facts.links.known) return unread('the network devices', facts.links) ?? nothing;
  const link = facts.links.value.find((one) => one.name === member);
  if (link?.master !== bridge) return nothing;
  const key = recordKey('bridge_member', `${bridge}/${member}`);
  const record = former(facts, key, formerMaster);
  if (record.kind === 'unknown') return record.diff;
  // Who put it there does not matter while mesh has it: it comes back with state former.
  if (record.kind !== 'value' && !isTaken(member, facts)) {
    return {
      kind: 'changes',
      changes: [],
      notes: [`mesh did not make ${member} a port of ${bridge}: it is left there`],
    };
  }
  if (record.kind === 'value' && record.value === bridge && !isTaken(member, facts)) return nothing;
  const records = newRecords(facts, { key, value: bridge });
  const change: Change = {
    sentence: `take ${member} out of ${bridge}`,
    command: leave(bridge, member),
    undo: { command: `ip link set dev ${quote(member)} master ${quote(bridge)}` },
    before: `${member} is a port of ${bridge}`,
    after: `${member} is in no bridge`,
    records,
    effect: (now) => withRecords(setLink(now, member, { master: null }), records),
  };
  return { kind: 'changes', changes: [change] };
}

/** Whether a device is that of a bridge of Open vSwitch which mesh made or took over. */
function isTaken(member: string, facts: HostFacts): boolean {
  return facts.openvswitch.known && facts.openvswitch.value.bridges.some((one) => one.name === member && isOwned(one));
}

function goBack(params: Params, facts: HostFacts): Diff {
  const { bridge, member } = params;
  if (!facts.links.known) return unread('the network devices', facts.links) ?? nothing;
  const links = facts.links.value;
  const link = links.find((one) => one.name === member);
  const record = former(facts, recordKey('bridge_member', `${bridge}/${member}`), formerMaster);
  if (record.kind === 'unknown') return record.diff;
  if (record.kind === 'none' || !link || link.master === record.value) return nothing;
  if (record.value !== bridge) return link.master === bridge ? absent(params, facts) : nothing;
  if (link.master !== null || !links.some((one) => one.name === bridge)) return nothing;
  const change: Change = {
    sentence: `make ${member} a port of ${bridge} again, as it was before mesh`,
    command: `ip link set dev ${quote(member)} master ${quote(bridge)}`,
    undo: { command: leave(bridge, member) },
    before: `${member} is in no bridge`,
    after: `${member} is a port of ${bridge}`,
    effect: (now) => setLink(now, member, { master: bridge }),
  };
  return { kind: 'changes', changes: [change] };
}

/**
 * Makes one device a port of a Linux bridge (ip-link(8), `master`): what joins the mesh to Docker's bridge.
 *
 * It is refused, when planned and again by the command itself, while a running container on the bridge holds an address
 * outside this host's slice, or the bridge lacks its own address: two hosts would then answer for one address.
 * Not kept over a restart: the mesh's unit on the host joins them again, under the same conditions.
 */
export const bridgeMember: Resource<Params> = {
  type: 'bridge_member',
  schema,
  label: ({ bridge, member }) => `${member} in ${bridge}`,
  interests: () => ({}),
  diff: (params, facts) => {
    switch (params.state) {
      case 'present':
        return present(params, facts);
      case 'absent':
        return absent(params, facts);
      case 'aside':
        return aside(params, facts);
      case 'former':
        return goBack(params, facts);
    }
  },
};
