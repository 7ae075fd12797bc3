import { describe, expect, it } from 'vitest';
import { installCommand, type Machine, refusal } from '../../src/lab/machine.js';

const fine: Machine = { platform: 'linux', uid: 0, debian: true, missingPackages: [] };

describe('refusal', () => {
  it('has nothing against root on Debian, with programs missing or not: they can be installed', () => {
    expect(refusal(fine, 'mesh lab up')).toBeUndefined();
    expect(refusal({ ...fine, missingPackages: ['nftables'] }, 'mesh lab up')).toBeUndefined();
  });

  it('says what is needed off Linux', () => {
    const refused = refusal({ ...fine, platform: 'darwin', uid: 501 }, 'mesh lab up');
    expect(refused?.message).toBe(
      'mesh lab up needs Linux: its hosts are containers of systemd-nspawn, and this is darwin',
    );
  });

  it('says what is needed without root', () => {
    const refused = refusal({ ...fine, uid: 1000 }, 'mesh lab up');
    expect(refused?.message).toContain('needs root');
    expect(refused?.fix).toContain('sudo');
  });

  it('prints the command where it cannot run it', () => {
    const refused = refusal({ ...fine, debian: false, missingPackages: ['mmdebstrap', 'nftables'] }, 'mesh lab up');
    expect(refused?.fix).toContain('apt-get install --yes --no-install-recommends mmdebstrap nftables');
  });
});

describe('installCommand', () => {
  it('names every package', () => {
    expect(installCommand(['a', 'b'])).toMatch(/ a b$/);
  });
});
