import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadInventory } from '../../src/inventory/load.js';
import type { Connection as ConnectionSettings, Secret } from '../../src/inventory/types.js';
import { createTransport } from '../../src/ssh/transport.js';
import type { Transport } from '../../src/ssh/types.js';
import { sharedLab } from './lab.js';

let hosts: { readonly name: string; readonly connection: ConnectionSettings }[] = [];
let ssh: Transport;
const transports: Transport[] = [];

beforeAll(async () => {
  const lab = await sharedLab();
  hosts = [...(await loadInventory(lab.inventoryFile)).hosts];
});
afterEach(async () => {
  await Promise.all(transports.splice(0).map((one) => one.close()));
});

function transport(secret?: string): Transport {
  const questions = { hostKey: async () => false, secret: async () => secret };
  const made = createTransport({ questions, acceptNew: false, forks: 10, askBecomePass: secret !== undefined });
  transports.push(made);
  return made;
}

const as = (connection: ConnectionSettings, user: string, password?: string): ConnectionSettings => {
  const secret: Secret | undefined =
    password === undefined ? undefined : { secret: true, origin: '$BECOME_PASSWORD', reveal: async () => password };
  return { ...connection, user, become: { enabled: true, user: 'root', ...(secret && { password: secret }) } };
};

const SCRIPT = 'id -un; cat; echo warning >&2; exit 3';

describe('sudo on real hosts', () => {
  it.each([
    ['root', undefined],
    ['ops', undefined],
    ['ops', 'mesh-lab'],
    ['opspw', 'mesh-lab'],
  ])('runs scripts and uploads as %s with the password %s', async (user, password) => {
    ssh = transport();
    const results = await Promise.all(
      hosts.map(async ({ name, connection }) => {
        const host = await ssh.connect(name, as(connection, user, password));
        const outcome = await host.exec('', { script: SCRIPT });
        await host.upload(Buffer.from('content'), '/root/.mesh-trial', { mode: 0o600 });
        const stat = await host.exec('stat -c "%U %a %s" /root/.mesh-trial; rm /root/.mesh-trial');
        const plain = await host.exec('id -un', { privileged: false });
        return { outcome, stat: stat.stdout.toString(), plain: plain.stdout.toString(), channels: host.channels };
      }),
    );
    for (const { outcome, stat, plain, channels } of results) {
      expect(outcome).toMatchObject({ kind: 'exited', code: 3 });
      expect([outcome.stdout.toString(), outcome.stderr.toString()]).toEqual(['root\n', 'warning\n']);
      expect([stat, plain, channels]).toEqual(['root 600 7\n', `${user}\n`, 4]);
    }
  });

  it('takes the password of --ask-become-pass', async () => {
    ssh = transport('mesh-lab');
    for (const { name, connection } of hosts) {
      const host = await ssh.connect(name, as(connection, 'opspw'));
      expect((await host.exec('id -u')).stdout.toString()).toBe('0\n');
    }
  });

  it('sends a wrong password to one host only', async () => {
    ssh = transport();
    const failures = await Promise.all(
      hosts.map(async ({ name, connection }) => {
        const host = await ssh.connect(name, as(connection, 'opspw', 'not-the-password'));
        return host.exec('true').catch(String);
      }),
    );
    expect(failures.filter((text) => String(text).includes('does not take the password'))).toHaveLength(1);
    expect(failures.filter((text) => String(text).includes('and so not tried here'))).toHaveLength(hosts.length - 1);
    expect(failures.join()).not.toContain('not-the-password');
  });

  it('says what is missing where there is no password', async () => {
    ssh = transport();
    const [first] = hosts;
    if (!first) throw new Error('the lab has no hosts');
    const host = await ssh.connect(first.name, as(first.connection, 'opspw'));
    await expect(host.exec('true')).rejects.toMatchObject({ kind: 'sudo', host: first.name });
  });
});
