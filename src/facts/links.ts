import { good, known, linesOf, type Sections } from './fact.js';
import type { Address, Fact, Link, Route } from './types.js';

/**
 * One `ip` process for all three, in its one-line text: the iproute2 of RHEL 7 has no JSON. Links come from `ip` and
 * never from /sys/class/net, which is another network namespace's in some containers.
 */
export const linksScript = `
see_links() {
  begin ip
  err=$(ip -o -d -batch - 2>&1 >&3 3>&- <<'EOF'
link show
addr show
route show table main
EOF
)
  rc=$?
  end ip "$rc" "$err"
}
`;

export interface NetworkLines {
  readonly links: readonly Link[];
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
}

/** The three kinds of line differ: `N: name: <FLAGS>`, `N: name    inet …`, anything else is a route. */
export function parseLinks(sections: Sections): Fact<NetworkLines> {
  const section = good(sections, 'ip', 'links, addresses and routes');
  if (!section.known) return section;
  const links: Link[] = [];
  const addresses: Address[] = [];
  const routes: Route[] = [];
  for (const line of linesOf(section.value.content)) {
    const link = readLink(line);
    if (link) links.push(link);
    else if (/^\d+: /.test(line)) addresses.push(...readAddress(line));
    else routes.push(...readRoute(line));
  }
  return known({ links, addresses, routes });
}

function after(words: readonly string[], key: string): string | null {
  const at = words.indexOf(key);
  return at === -1 ? null : (words[at + 1] ?? null);
}

/** Words that begin a further line of `ip -d link` without naming a kind. */
const notKinds = new Set(['alias', 'altname', 'vf', 'RX:', 'TX:', 'prog/xdp']);

function readLink(line: string): Link | null {
  const head = /^(\d+): (\S+?)(?:@\S*)?: <([^>]*)> (.*)$/s.exec(line);
  if (!head) return null;
  const [, index = '', name = '', flags = '', rest = ''] = head;
  const [main = '', hardware = '', details = ''] = rest.split('\\    ');
  const words = main.split(/\s+/);
  const mac = /^link\/ether ([0-9a-f:]{17})\b/.exec(hardware)?.[1] ?? null;
  const first = details.split(/\s+/, 1)[0] ?? '';
  const kind = first === '' || notKinds.has(first) || first.endsWith('_slave') ? null : first;
  return {
    name,
    index: Number(index),
    mac,
    mtu: Number(after(words, 'mtu')),
    up: flags.split(',').includes('UP'),
    master: after(words, 'master'),
    kind,
  };
}

function readAddress(line: string): Address[] {
  const head = /^\d+: (\S+)\s+(inet6?) (\S+)(?: peer (\S+))?/.exec(line);
  if (!head) return [];
  const [, link = '', family = '', local = '', peer] = head;
  const [address = '', prefix] = local.split('/');
  const length = prefix ?? peer?.split('/')[1] ?? (family === 'inet' ? '32' : '128');
  const scope = after(line.split(/\s+/), 'scope') ?? 'global';
  return [{ link, family: family === 'inet' ? 4 : 6, address, prefix: Number(length), scope }];
}

const routeTypes = new Set([
  'unicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
  'local',
  'broadcast',
  'multicast',
  'nat',
]);

function readRoute(line: string): Route[] {
  const words = line.split(/[\s\\]+/).filter(Boolean);
  if (routeTypes.has(words[0] ?? '')) words.shift();
  const target = words[0];
  if (!target) return [];
  const to = target === 'default' || target.includes('/') ? target : `${target}/32`;
  const metric = after(words, 'metric');
  return [
    {
      to,
      via: after(words, 'via'),
      link: after(words, 'dev'),
      source: after(words, 'src'),
      protocol: after(words, 'proto'),
      metric: metric === null ? null : Number(metric),
    },
  ];
}
