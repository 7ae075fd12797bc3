import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessPrefix, type HostPlaces, type LabPlaces, underlayPrefix } from './names.js';
import { cleanEnvironment, LabError, mustRun, mustScript } from './run.js';

/** Inside a network namespace of the machine, nothing else changed. */
export function inNetns(netns: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${netns}`, ...argv];
}

/**
 * Makes the laptop's namespace with the two networks of the lab, or what is missing of it:
 * `wire`, the underlay, and `access`, by which SSH goes in. Frames of a blocked pair of hosts are dropped on the wire.
 */
export async function makeWire(lab: LabPlaces): Promise<void> {
  await mustScript(
    `
netns=$1
[ -e "/run/netns/$netns" ] || ip netns add "$netns"
ip -n "$netns" link set lo up
for net in "wire ${underlayPrefix}.1" "access ${accessPrefix}.1"; do
  set -- $net
  ip -n "$netns" link show "$1" >/dev/null 2>&1 || ip -n "$netns" link add "$1" type bridge forward_delay 0
  ip -n "$netns" address replace "$2/24" dev "$1"
  ip -n "$netns" link set "$1" up
done
nsenter --net="/run/netns/$netns" nft -f - <<'RULES'
add table bridge lab
add set bridge lab blocked { type ipv4_addr . ipv4_addr; }
add chain bridge lab forward { type filter hook forward priority 0; policy accept; }
flush chain bridge lab forward
add rule bridge lab forward ip protocol gre ip saddr . ip daddr @blocked drop
RULES
`,
    [lab.laptop],
  );
}

/** Drops GRE from one host to another on the wire, in that direction only. */
export async function blockGre(lab: LabPlaces, from: HostPlaces, to: HostPlaces): Promise<void> {
  await setBlocked(lab, 'add', from, to);
}

export async function unblockGre(lab: LabPlaces, from: HostPlaces, to: HostPlaces): Promise<void> {
  await setBlocked(lab, 'delete', from, to);
}

async function setBlocked(lab: LabPlaces, verb: 'add' | 'delete', from: HostPlaces, to: HostPlaces): Promise<void> {
  const pair = `{ ${from.underlayAddress} . ${to.underlayAddress} }`;
  await mustRun(inNetns(lab.laptop, ['nft', verb, 'element', 'bridge', 'lab', 'blocked', pair]));
}

/** Packets seen since the capture began. */
export interface Capture {
  /** Ends the capture: one line per packet, as `tcpdump -n -e` prints it. */
  stop(): Promise<string[]>;
}

/** Captures what crosses the wire and matches a filter (pcap-filter(7)); resolves when packets are being caught. */
export async function capture(lab: LabPlaces, filter: string): Promise<Capture> {
  const tcpdump = ['tcpdump', '-i', 'wire', '-n', '-e', '-l', '-U', '--immediate-mode', filter];
  const [program = '', ...rest] = inNetns(lab.laptop, tcpdump);
  const child = spawn(program, rest, { cwd: '/', env: cleanEnvironment, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString('utf8');
      if (err.includes('listening on')) resolve();
    });
    child.once('error', reject);
    child.once('close', () => reject(new LabError(`tcpdump on the lab's wire ended: ${err.trim()}`)));
  });
  return {
    async stop() {
      child.kill('SIGINT');
      await closed;
      return out.split('\n').filter((line) => line !== '');
    },
  };
}
