import ipaddr from 'ipaddr.js';
import type { Fail } from './operators.js';

function parse(text: string, fail: Fail): { readonly address: ipaddr.IPv4 | ipaddr.IPv6; readonly prefix: number } {
  const [address, prefix, ...rest] = text.split('/');
  const valid =
    address !== undefined &&
    rest.length === 0 &&
    (prefix === undefined || /^[0-9]{1,3}$/.test(prefix)) &&
    (ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address));
  const parsed = valid ? ipaddr.parse(address) : undefined;
  const widest = parsed?.kind() === 'ipv6' ? 128 : 32;
  const length = prefix === undefined ? widest : Number(prefix);
  if (parsed === undefined || length > widest) {
    return fail(`'${text.slice(0, 60)}' is neither an address nor a CIDR`, 'write it like 172.17.41.1/24');
  }
  return { address: parsed, prefix: length };
}

/** `172.17.41.1/24` → `172.17.41.1`. */
export function cidrAddress(text: string, fail: Fail): string {
  return parse(text, fail).address.toString();
}

/** `172.17.41.1/24` → 24; an address alone is a network of one. */
export function cidrPrefix(text: string, fail: Fail): number {
  return parse(text, fail).prefix;
}

/** `172.17.41.1/24` → `172.17.41.0/24`. */
export function cidrNetwork(text: string, fail: Fail): string {
  const { address, prefix } = parse(text, fail);
  const network = address.toByteArray().map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - index * 8));
    return byte & (0xff << (8 - bits));
  });
  return `${ipaddr.fromByteArray(network).toString()}/${prefix}`;
}
