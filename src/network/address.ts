/** An IPv4 network: `base` is its first address as an unsigned 32-bit number. */
export interface Cidr {
  readonly base: number;
  readonly prefix: number;
}

/** The 32-bit number of a dotted quad, or undefined. Leading zeros are refused: some programs read them as octal. */
export function parseAddress(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    const byte = Number(part);
    if (byte > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** How many addresses a network of this prefix holds. */
export function sizeOf(prefix: number): number {
  return 2 ** (32 - prefix);
}

/** An address with a prefix, host bits allowed: `172.17.41.1/24`. */
export function parseInterface(text: string): { address: number; prefix: number } | undefined {
  const match = /^([^/]+)\/(\d{1,2})$/.exec(text);
  const address = parseAddress(match?.[1] ?? '');
  const prefix = Number(match?.[2] ?? Number.NaN);
  if (address === undefined || !(prefix <= 32)) return undefined;
  return { address, prefix };
}

/** The network that an address belongs to. */
export function networkOf(address: number, prefix: number): Cidr {
  return { base: address - (address % sizeOf(prefix)), prefix };
}

/** A network in CIDR notation, or undefined; host bits must be zero. */
export function parseCidr(text: string): Cidr | undefined {
  const parsed = parseInterface(text);
  if (!parsed) return undefined;
  const network = networkOf(parsed.address, parsed.prefix);
  return network.base === parsed.address ? network : undefined;
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.base)}/${cidr.prefix}`;
}

export function containsAddress(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + sizeOf(cidr.prefix);
}

/** Whether every address of `inner` is in `outer`. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.prefix >= outer.prefix && containsAddress(outer, inner.base);
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a);
}

/** The first address of a slice that a host can have: `172.17.41.0/24` → `172.17.41.1`. */
export function firstAddress(slice: string): string {
  const [network = '0.0.0.0'] = slice.split('/');
  const parts = network.split('.').map(Number);
  parts[3] = (parts[3] ?? 0) + 1;
  return parts.join('.');
}
