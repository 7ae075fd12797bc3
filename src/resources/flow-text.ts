/** A flow of OpenFlow as two texts say it alike: for comparing what is written with what `ovs-ofctl dump-flows` prints. */
export interface Flow {
  /** The same for equal flows: match fields sorted, then the actions. Cookie, counters and times are left out. */
  readonly text: string;
  readonly table: number;
  readonly priority: number;
  readonly actions: string;
}

/** Shorthands for EtherType and protocol (ovs-fields(7), ovs-ofctl(8)). */
const SHORTHANDS: Readonly<Record<string, readonly string[]>> = {
  ip: ['dl_type=2048'],
  ipv4: ['dl_type=2048'],
  ipv6: ['dl_type=34525'],
  arp: ['dl_type=2054'],
  rarp: ['dl_type=32821'],
  icmp: ['dl_type=2048', 'nw_proto=1'],
  tcp: ['dl_type=2048', 'nw_proto=6'],
  udp: ['dl_type=2048', 'nw_proto=17'],
  sctp: ['dl_type=2048', 'nw_proto=132'],
  icmp6: ['dl_type=34525', 'nw_proto=58'],
  tcp6: ['dl_type=34525', 'nw_proto=6'],
  udp6: ['dl_type=34525', 'nw_proto=17'],
  sctp6: ['dl_type=34525', 'nw_proto=132'],
};

const ALIASES: Readonly<Record<string, string>> = {
  eth_type: 'dl_type',
  eth_src: 'dl_src',
  eth_dst: 'dl_dst',
  vlan_vid: 'dl_vlan',
  ip_proto: 'nw_proto',
  ip_src: 'nw_src',
  ip_dst: 'nw_dst',
  tcp_src: 'tp_src',
  tcp_dst: 'tp_dst',
  udp_src: 'tp_src',
  udp_dst: 'tp_dst',
  sctp_src: 'tp_src',
  sctp_dst: 'tp_dst',
  icmpv6_type: 'icmp_type',
  icmpv6_code: 'icmp_code',
};

const NOT_PART_OF_THE_FLOW =
  /^(cookie|duration|n_packets|n_bytes|idle_age|hard_age|reset_counts|send_flow_rem|check_overlap)$/;
const NUMBER = /^(0x[0-9a-f]+|\d+)$/i;
const PORTS: Readonly<Record<string, string>> = { LOCAL: '65534' };

function value(name: string, text: string): string {
  if (name === 'in_port') return PORTS[text.toUpperCase()] ?? text;
  if (NUMBER.test(text)) return String(Number(text));
  return text.toLowerCase().replace(/\/32$/, '');
}

/** Reads a flow as `ovs-ofctl add-flow` takes it or `dump-flows` prints it; undefined for a text without actions. */
export function normalizeFlow(line: string): Flow | undefined {
  const match = /^(.*?)(?:^|[\s,])actions?\s*=\s*(.*)$/s.exec(line.trim());
  if (!match) return undefined;
  const [, fields = '', actionText = ''] = match;
  let table = 0;
  // The priority that OpenFlow's default is in Open vSwitch, OFP_DEFAULT_PRIORITY.
  let priority = 32768;
  const parts = new Set<string>();
  for (const field of fields.split(/[\s,]+/).filter(Boolean)) {
    const at = field.indexOf('=');
    const given = (at < 0 ? field : field.slice(0, at)).toLowerCase();
    const name = ALIASES[given] ?? given;
    if (NOT_PART_OF_THE_FLOW.test(name)) continue;
    if (at < 0) for (const part of SHORTHANDS[name] ?? [name]) parts.add(part);
    else if (name === 'table') table = Number(field.slice(at + 1));
    else if (name === 'priority') priority = Number(field.slice(at + 1));
    else parts.add(`${name}=${value(name, field.slice(at + 1))}`);
  }
  const actions = actionText
    .trim()
    .replace(/\s*,\s*/g, ',')
    .replace(/^(drop|normal)$/i, (word) => word.toLowerCase());
  const text = `table=${table},priority=${priority}${[...parts]
    .sort()
    .map((part) => `,${part}`)
    .join('')} actions=${actions}`;
  return { text, table, priority, actions };
}
