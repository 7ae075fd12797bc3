import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { EMPTY_LOCK, type Lock, parseLock, serializeLock } from '../../src/inventory/lock.js';

const sha = (digit: string) => digit.repeat(64);
const lock: Lock = {
  ...EMPTY_LOCK,
  slices: { docker41: '172.17.41.0/24' },
  sources: { 'https://mirror.example/openvswitch-3.1.0.tar.gz': sha('a') },
  builds: {
    '00112233445566aa': {
      version: '3.1.0',
      source: sha('a'),
      spec: 'rhel/openvswitch-fedora.spec',
      options: '--without check',
      platform: 'el9-x86_64',
      rpms: { 'openvswitch-selinux-policy-3.1.0.noarch.rpm': sha('b'), 'openvswitch-3.1.0.x86_64.rpm': sha('c') },
    },
  },
};

function faults(text: string): string {
  try {
    parseLock(text, 'inventory.lock');
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return '';
}

describe('builds and sources in the lock file', () => {
  it('come back as they were written, with their files in one order', () => {
    const text = serializeLock(lock);
    expect(parseLock(text, 'inventory.lock')).toEqual(lock);
    expect(text.indexOf('openvswitch-3.1.0.x86_64')).toBeLessThan(text.indexOf('openvswitch-selinux'));
    expect(serializeLock(parseLock(text, 'inventory.lock'))).toBe(text);
  });

  it('are not written while there are none', () => {
    expect(serializeLock(EMPTY_LOCK)).not.toContain('builds');
    expect(parseLock('version: 1\n', 'inventory.lock')).toEqual(EMPTY_LOCK);
  });

  it('are refused with their place where they are no checksums', () => {
    expect(faults('version: 1\nsources:\n  a: beef\n')).toMatch(/^inventory\.lock:3:6: sources\.a must be a sha256/);
    const broken = serializeLock(lock).replace('platform: el9-x86_64', 'plattform: el9-x86_64');
    expect(faults(broken)).toContain('"plattform" does not belong here');
    expect(faults(broken)).toContain('did you mean "platform"');
  });
});
