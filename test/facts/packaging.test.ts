import { describe, expect, it } from 'vitest';
import { facts, output, value } from './fixture.js';

const sha = (digit: string) => digit.repeat(64);

describe('where packages come from', () => {
  it('is read with what was built here', () => {
    const text = [
      'owner openvswitch 3.1.0-1.el9',
      'selinux',
      'build 00112233445566aa',
      `source.sha256 00112233445566aa ${sha('a')} source/openvswitch-3.1.0.tar.gz`,
      `manifest 00112233445566aa ${sha('b')} RPMS/openvswitch-3.1.0.x86_64.rpm`,
      `manifest 00112233445566aa ${sha('c')} *RPMS/python3-openvswitch-3.1.0.noarch.rpm`,
      'build ffffffffffffffff',
    ].join('\n');
    expect(value(facts(output(['packaging', 0, text])).packaging)).toEqual({
      openvswitch: { name: 'openvswitch', version: '3.1.0-1.el9' },
      selinux: true,
      builds: {
        '00112233445566aa': {
          source: sha('a'),
          files: { 'openvswitch-3.1.0.x86_64.rpm': sha('b'), 'python3-openvswitch-3.1.0.noarch.rpm': sha('c') },
        },
        ffffffffffffffff: { source: null, files: null },
      },
    });
  });

  it('takes no broken line for a checksum', () => {
    const text = `build aa\nmanifest aa beef RPMS/x.rpm\nmanifest bb ${sha('a')} RPMS/y.rpm\nnonsense\nowner openvswitch`;
    expect(value(facts(output(['packaging', 0, text])).packaging)).toEqual({
      openvswitch: null,
      selinux: false,
      builds: { aa: { source: null, files: null } },
    });
  });

  it('is unknown where the observation broke off', () => {
    expect(facts(output()).packaging).toMatchObject({ known: false });
  });
});
