/**
 * The file of a kernel setting. In a dotted name a slash stands for a dot inside a part, as sysctl(8) has it:
 * `net.ipv4.conf.eth0/100.forwarding` is /proc/sys/net/ipv4/conf/eth0.100/forwarding.
 */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replace(/[./]/g, (sign) => (sign === '.' ? '/' : '.'))}`;
}

/** The key of a device's setting: `linkSysctl('ipv6', 'br0', 'disable_ipv6')` is `net.ipv6.conf.br0.disable_ipv6`. */
export function linkSysctl(family: 'ipv4' | 'ipv6', link: string, setting: string): string {
  return `net.${family}.conf.${link.replaceAll('.', '/')}.${setting}`;
}

/**
 * For a device's own setting: the device and the key that holds the same setting for all of them, which a kernel has
 * exactly if it has the setting at all. Undefined for every other key.
 */
export function deviceSetting(key: string): { readonly link: string; readonly general: string } | undefined {
  const match = /^net\.(ipv[46])\.(conf|neigh)\.([^.]+)\.(.+)$/.exec(key);
  const [, family, table, link, setting] = match ?? [];
  if (link === undefined || link === 'all' || link === 'default') return undefined;
  const general = table === 'neigh' ? 'default' : 'all';
  return { link: link.replaceAll('/', '.'), general: `net.${family}.${table}.${general}.${setting}` };
}
