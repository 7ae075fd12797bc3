import { describe, expect, it } from 'vitest';
import { statusText } from '../../src/cli/lab.js';

describe('statusText', () => {
  it('tells each host with how to reach it, and what is wrong with it', () => {
    const host = { family: 'deb', state: 'running', without: [], failedUnits: [], vm: false } as const;
    const text = statusText({
      name: 'default',
      inventoryFile: 'inventory/lab.yml',
      sshConfigFile: 'ssh_config',
      note: 'half made',
      hosts: [
        { ...host, name: 'docker41', underlayAddress: '192.168.199.41', sshPort: 22041 },
        {
          ...host,
          name: 'docker42',
          state: 'off',
          underlayAddress: '192.168.199.42',
          sshPort: 22042,
          without: ['openvswitch'],
          failedUnits: ['docker.service'],
        },
      ],
    });
    expect(text).toBe(
      [
        "lab 'default'  inventory/lab.yml",
        '  half made',
        '  docker41  running   deb  192.168.199.41  ssh 127.0.0.1:22041',
        '  docker42  off       deb  192.168.199.42  ssh 127.0.0.1:22042  made without openvswitch  failed: docker.service',
        '',
      ].join('\n'),
    );
  });
});
