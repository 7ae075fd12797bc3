import { readFileSync } from 'node:fs';
import { mergeInterests } from '../../src/facts/interests.js';
import { parseFacts } from '../../src/facts/parse.js';
import type { Fact, HostFacts, Interests } from '../../src/facts/types.js';

/** The nonce of the recorded outputs and of those made by `output`. */
export const nonce = 'abcdef0123456789';

/** What was asked for when the outputs were recorded on Debian 12 hosts (Docker 20.10, Open vSwitch 3.1). */
export const recordedInterests: Interests = mergeInterests([
  {
    packages: ['openvswitch-switch', 'docker.io', 'iptables'],
    services: ['openvswitch-switch', 'docker', 'mesh-restore'],
    files: [
      '/etc/docker/daemon.json',
      '/etc/hostname',
      '/usr/local/libexec/mesh-restore',
      '/etc/systemd/system/mesh-restore.service',
    ],
    sysctls: ['net.ipv4.ip_forward', 'net.ipv4.conf.all.send_redirects', 'net.ipv6.conf.br0.disable_ipv6'],
    bridges: ['br0'],
  },
]);

export function recorded(name: string): Buffer {
  return readFileSync(new URL(`fixtures/${name}.raw`, import.meta.url));
}

export function recordedFacts(name: string): HostFacts {
  return parseFacts('docker41', recorded(name), nonce, recordedInterests, 1);
}

/** Sections as the script prints them. */
export function output(
  ...sections: readonly (readonly [name: string, status: number | string, content: string])[]
): Buffer {
  const frames = sections.map(
    ([name, status, content]) =>
      `\n${nonce} begin ${name}\n${content}\n${nonce} stderr\n\n${nonce} end ${name} ${status}\n`,
  );
  return Buffer.from(frames.join(''));
}

export function facts(stdout: Buffer, interests: Partial<Interests> = {}): HostFacts {
  return parseFacts('h', stdout, nonce, mergeInterests([interests]), 1);
}

export function value<T>(fact: Fact<T> | undefined): T {
  if (!fact?.known) throw new Error(`not known: ${fact?.why}`);
  return fact.value;
}
