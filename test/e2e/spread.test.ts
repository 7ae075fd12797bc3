import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Event, EventBody } from '../../src/events/types.js';
import { loadInventory } from '../../src/inventory/load.js';
import type { Connection as ConnectionSettings } from '../../src/inventory/types.js';
import { createLineReader } from '../../src/lines.js';
import { quote } from '../../src/quote.js';
import type { FileNeed } from '../../src/resources/types.js';
import { fetchNeeds } from '../../src/spread/needs.js';
import { newReach } from '../../src/spread/reach.js';
import { offerScript } from '../../src/spread/scripts.js';
import { spreadFile } from '../../src/spread/spread.js';
import type { SpreadContext } from '../../src/spread/types.js';
import { createTransport } from '../../src/ssh/transport.js';
import type { Connection, Transport } from '../../src/ssh/types.js';
import { sharedLab } from './lab.js';
import { mesh } from './mesh.js';

type Transferred = Extract<EventBody, { kind: 'transfer' }>;

const A = 'docker41';
const B = 'docker42';
const C = 'docker43';
const HOSTS = [A, B, C];
const SIZE = 24_000_000;
const SOURCE = '/root/spread-source.bin';
const TARGET = '/opt/spread/big.bin';

let lab: Awaited<ReturnType<typeof sharedLab>>;
let settings: ReadonlyMap<string, ConnectionSettings>;
let addresses: ReadonlyMap<string, string>;
let sha256 = '';

async function sh(host: string, script: string): Promise<string> {
  const { stdout } = await lab.exec(host, ['sh', '-c', script]);
  return stdout;
}

beforeAll(async () => {
  lab = await sharedLab();
  const { hosts } = await loadInventory(lab.inventoryFile);
  settings = new Map(hosts.map(({ name, connection }) => [name, connection]));
  addresses = new Map(hosts.map(({ name, mesh: own }) => [name, own.underlayAddress]));
  sha256 = (await sh(A, `head -c ${SIZE} /dev/urandom >${SOURCE}; sha256sum <${SOURCE} | cut -d' ' -f1`)).trim();
});

let ssh: Transport;
let events: Transferred[] = [];
let connections: Map<string, Connection>;
let onEvent: (event: Transferred) => void = () => undefined;

beforeEach(async () => {
  const questions = { hostKey: async () => false, secret: async () => undefined };
  ssh = createTransport({ questions, acceptNew: false, forks: 10, askBecomePass: false });
  events = [];
  onEvent = () => undefined;
  connections = new Map(await Promise.all(HOSTS.map(async (host) => [host, await connect(host)] as const)));
});

afterEach(async () => {
  await ssh.close();
  await sh(A, 'rm -f /usr/local/bin/cat');
  for (const host of HOSTS) await sh(host, 'rm -rf /opt/spread /var/lib/mesh/incoming');
});

function connect(host: string): Promise<Connection> {
  const own = settings.get(host);
  if (!own) throw new Error(`the lab has no ${host}`);
  return ssh.connect(host, own);
}

function context(): SpreadContext {
  return {
    connection: (host) => connections.get(host),
    reconnect: async (host) => {
      const made = await connect(host);
      connections.set(host, made);
      return made;
    },
    address: (host) => addresses.get(host),
    emit: (event) => {
      if (event.kind !== 'transfer') return;
      events.push(event);
      onEvent(event);
    },
    now: () => performance.now(),
    pause,
    parallel: 10,
    stop: new AbortController().signal,
    ways: { reach: newReach([], []) },
  };
}

const need = (): FileNeed => ({ path: TARGET, sha256, from: { host: A, path: SOURCE } });
const needs = (...hosts: readonly string[]) => new Map(hosts.map((host) => [host, [need()]]));
const ended = () => events.filter(({ state }) => state !== 'started' && state !== 'running');
const told = () => ended().map(({ host, from, via, state }) => `${host} < ${from} ${via} ${state}`);
const sumOn = async (host: string) => (await sh(host, `sha256sum <${TARGET} | cut -d' ' -f1`)).trim();

/** Programs, listening sockets and files that a transfer could leave; waits until what is ending has ended. */
async function remains(host: string, files = true): Promise<string> {
  const look = `
    ps -eo args | grep -E '[s]ystemd-socket-activate|[c]url|[m]esh-send|[m]esh-begin'
    ps -eo comm | grep -xE 'timeout|cat|tail'
    ss -Hltn | awk '{ print $4 }' | grep '^192[.]168[.]199[.]' | grep -v ':22$'
    ${files ? "find / -xdev -name '*.mesh-part' -not -path '/proc/*' 2>/dev/null; ls -d /var/lib/mesh/incoming 2>/dev/null" : ''}
    true`;
  let seen = '';
  for (let tries = 0; tries < 100; tries++) {
    seen = (await sh(host, look)).trim();
    if (seen === '') break;
    await pause(100);
  }
  return seen;
}

async function nothingRemains(): Promise<void> {
  for (const host of HOSTS) expect(await remains(host), host).toBe('');
}

/** Lets the sender read its file slowly, so that there is a middle in which something can happen; undone after the test. */
const SLOW_CAT = `#!/bin/sh
[ -f /dev/stdin ] || exec /bin/cat "$@"
for _ in $(seq 60); do dd bs=500000 count=1 2>/dev/null; sleep 0.2; done
exec /bin/cat
`;

async function slowSource(): Promise<void> {
  await sh(A, `printf %s ${quote(SLOW_CAT)} >/usr/local/bin/cat && chmod 755 /usr/local/bin/cat`);
}

/** Resolves once a file is on its way to the host. */
function underway(host: string, atLeast = 1_000_000): Promise<void> {
  return new Promise((resolve) => {
    onEvent = (event) => {
      if (event.host === host && event.state === 'running' && event.bytes >= atLeast) resolve();
    };
  });
}

describe('a file that other hosts need', () => {
  it('goes from host to host by a playbook, is shown in the plan, and leaves nothing behind', async () => {
    const playbook = join(lab.folder, 'copy.yml');
    const task = { name: 'the file', file: { path: TARGET, mode: '0600', from: { host: A, path: SOURCE, sha256 } } };
    await writeFile(playbook, JSON.stringify([{ name: 'Copy', hosts: `${B}:${C}`, tasks: [task] }]));
    const run = (...more: string[]) => mesh('run', playbook, '-i', lab.inventoryFile, '--yes', ...more);
    const { code, stdout, stderr } = await run('--output', 'jsonl');
    expect(code, stderr).toBe(0);
    const list = stdout
      .trim()
      .split('\n')
      .map((line): Event => JSON.parse(line));
    const done = list.filter((event) => event.kind === 'transfer' && event.state === 'done');
    expect(done).toHaveLength(2);
    expect(done).toMatchObject([{ via: 'direct' }, { via: 'direct' }]);
    expect(stdout).not.toMatch(/[^0-9a-f][0-9a-f]{48}[^0-9a-f]/);
    for (const host of [B, C]) {
      expect(await sumOn(host)).toBe(sha256);
      expect(await sh(host, `stat -c %a ${TARGET}`)).toBe('600\n');
    }
    await nothingRemains();
    const again = await run();
    expect(again.stdout + again.stderr).toMatch(/no changes/i);
    await sh(B, `rm ${TARGET}`);
    const third = await run();
    expect(third.stdout + third.stderr).toContain(`from ${A}: ${SOURCE}`);
    expect(await sumOn(B)).toBe(sha256);
  });

  it('shows no token to whoever looks at programs and their environments', async () => {
    await slowSource();
    const seen = underway(B);
    const work = fetchNeeds(needs(B), context());
    await seen;
    const look =
      "ps -eo args; cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; grep -rl X-Mesh-Token /run /tmp || :";
    const [a, b] = await Promise.all([sh(A, look), sh(B, look)]);
    expect(a).toContain('mesh-send');
    expect(b).toContain('curl');
    expect(a + b).not.toMatch(/(^|[^0-9a-f])[0-9a-f]{48}([^0-9a-f]|$)/m);
    expect(await work).toEqual(new Map());
    await nothingRemains();
  });

  it('comes through the laptop, from where it broke off, when its sender is killed', async () => {
    await slowSource();
    const seen = underway(B);
    const work = fetchNeeds(needs(B), context());
    await seen;
    await sh(A, 'pkill -f mesh-send');
    expect(await work).toEqual(new Map());
    expect(told()).toEqual([`${B} < ${A} direct broken`, `${B} < ${A} laptop done`]);
    expect(ended().at(-1)?.detail).toMatch(/^[1-9]\d+ bytes were there from before$/);
    expect(await sumOn(B)).toBe(sha256);
    await nothingRemains();
  });

  it('goes on over a new connection when the receiver loses its own', async () => {
    await slowSource();
    const seen = underway(B);
    const work = fetchNeeds(needs(B), context());
    await seen;
    await connections.get(B)?.close();
    expect(await work).toEqual(new Map());
    expect(told()).toEqual([`${B} < ${A} direct done`]);
    expect(ended()[0]?.detail).toMatch(/^[1-9]\d+ bytes were there from before$/);
    expect(await sumOn(B)).toBe(sha256);
    await nothingRemains();
  });

  it('is gone on with by the next run when the laptop was killed', async () => {
    const playbook = join(lab.folder, 'killed.yml');
    const task = { name: 'the file', file: { path: TARGET, from: { host: A, path: SOURCE, sha256 } } };
    await writeFile(playbook, JSON.stringify([{ name: 'Copy', hosts: B, tasks: [task] }]));
    const args = ['run', playbook, '-i', lab.inventoryFile, '--yes', '--output', 'jsonl'];
    const bundle = fileURLToPath(new URL('../../dist/mesh.js', import.meta.url));
    await slowSource();
    const child = spawn(process.execPath, [bundle, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.stdout.on(
      'data',
      createLineReader((line) => {
        const event: Event = JSON.parse(line);
        if (event.kind === 'transfer' && event.state === 'running' && event.bytes > 1_000_000) child.kill('SIGKILL');
      }),
    );
    await gone;
    for (const host of [A, B]) expect(await remains(host, false), host).toBe('');
    const { code, stdout } = await mesh(...args);
    expect(code).toBe(0);
    expect(stdout).toContain('bytes were there from before');
    expect(await sumOn(B)).toBe(sha256);
    await nothingRemains();
  });

  it('is refused where it arrives as another one, and both sums are named', async () => {
    const wanted = 'f'.repeat(64);
    const ways = context();
    ways.ways.reach = newReach(HOSTS, HOSTS);
    const failed = await spreadFile(
      {
        name: 'big.bin',
        sha256: wanted,
        size: SIZE,
        holders: new Map([[A, SOURCE]]),
        needers: new Map([[B, { path: TARGET, part: 0 }]]),
      },
      ways,
    );
    expect(failed.get(B)).toContain(`sha256 ${sha256} (${SIZE} bytes) instead of ${wanted}`);
    expect(await sh(B, `ls ${TARGET} 2>/dev/null || echo absent`)).toBe('absent\n');
    await nothingRemains();
    const other = new Map([[B, [{ ...need(), sha256: wanted }]]]);
    expect((await fetchNeeds(other, context())).get(B)).toContain(`has sha256 ${sha256}, not ${wanted}`);
  });

  it('comes through the laptop to a host without curl, and to the others from host to host', async () => {
    await sh(B, 'mv /usr/bin/curl /usr/bin/curl.away');
    try {
      expect(await fetchNeeds(needs(B, C), context())).toEqual(new Map());
    } finally {
      await sh(B, 'mv /usr/bin/curl.away /usr/bin/curl');
    }
    expect(told().sort()).toEqual([`${B} < ${A} laptop done`, `${C} < ${A} direct done`]);
    expect([await sumOn(B), await sumOn(C)]).toEqual([sha256, sha256]);
    await nothingRemains();
  });

  it('finds out that a firewall drops the port, leaves the laptop once, and goes on from host to host', async () => {
    await sh(
      A,
      `nft add table inet spread_test && nft add chain inet spread_test in '{ type filter hook input priority 0; }' &&
       nft add rule inet spread_test in ip saddr 192.168.199.0/24 tcp dport 32768-61000 ct state new drop ||
       nft add rule inet spread_test in ip saddr 192.168.199.0/24 tcp dport 32768-61000 tcp flags syn drop`,
    );
    try {
      expect(await fetchNeeds(needs(B, C), context())).toEqual(new Map());
    } finally {
      await sh(A, 'nft delete table inet spread_test');
    }
    const list = told();
    expect(list.filter((line) => line.includes(' laptop '))).toHaveLength(1);
    expect(list[0]).toMatch(/ < docker41 direct broken$/);
    expect(list.at(-1)).toMatch(/ < docker4[23] direct done$/);
    expect([await sumOn(B), await sumOn(C)]).toEqual([sha256, sha256]);
    await nothingRemains();
  });

  it('leaves the laptop once when the laptop has it', async () => {
    const path = join(lab.folder, 'from-laptop.bin');
    const content = randomBytes(3_000_000);
    await writeFile(path, content);
    const sum = createHash('sha256').update(content).digest('hex');
    const own: FileNeed = { path: TARGET, sha256: sum, from: { laptop: path } };
    expect(await fetchNeeds(new Map(HOSTS.map((host) => [host, [own]])), context())).toEqual(new Map());
    const list = told();
    expect(list[0]).toBe(`${A} < the laptop laptop done`);
    expect(list.filter((line) => line.endsWith(' direct done'))).toHaveLength(2);
    expect([await sumOn(A), await sumOn(B), await sumOn(C)]).toEqual([sum, sum, sum]);
    await nothingRemains();
  });

  it('goes from host to host where root is reached by sudo with a password', async () => {
    const password = { secret: true, origin: '$BECOME_PASSWORD', reveal: async () => 'mesh-lab' } as const;
    for (const host of HOSTS) {
      const own = settings.get(host);
      if (!own) throw new Error(`the lab has no ${host}`);
      const asOps = { ...own, user: 'opspw', become: { enabled: true, user: 'root', password } };
      connections.set(host, await ssh.connect(host, asOps));
    }
    expect(await fetchNeeds(needs(B, C), context())).toEqual(new Map());
    expect(told().every((line) => line.endsWith(' direct done'))).toBe(true);
    expect([await sumOn(B), await sumOn(C)]).toEqual([sha256, sha256]);
    expect(await sh(B, `stat -c '%U %a' ${TARGET}`)).toBe('root 644\n');
    await nothingRemains();
  });

  it('ends on both hosts when the run is interrupted', async () => {
    const stop = new AbortController();
    await slowSource();
    const seen = underway(B);
    const work = fetchNeeds(needs(B), { ...context(), stop: stop.signal });
    await seen;
    stop.abort();
    expect((await work).get(B)).toContain('stopped');
    for (const host of [A, B]) expect(await remains(host, false), host).toBe('');
    expect(await fetchNeeds(needs(B), context())).toEqual(new Map());
    expect(ended().at(-1)?.detail).toMatch(/^[1-9]\d+ bytes were there from before$/);
    await nothingRemains();
  });

  it('fails on one host only where that one cannot take it', async () => {
    await sh(B, `mkdir -p ${TARGET}/in-the-way`);
    const failed = await fetchNeeds(needs(B, C), context());
    expect([...failed.keys()]).toEqual([B]);
    expect(failed.get(B)).toContain('it is a directory');
    expect(await sumOn(C)).toBe(sha256);
  });

  it('is looked up in a manifest where nobody knew its sum before', async () => {
    await sh(A, `cd /root && sha256sum ${SOURCE.slice(6)} >/root/manifest`);
    const later: FileNeed = { ...need(), sha256: null, manifest: '/root/manifest' };
    expect(await fetchNeeds(new Map([[B, [later]]]), context())).toEqual(new Map());
    expect(await sumOn(B)).toBe(sha256);
    const unnamed: FileNeed = { ...later, from: { host: A, path: '/root/other' } };
    expect((await fetchNeeds(new Map([[B, [unnamed]]]), context())).get(B)).toContain('says nothing of /root/other');
  });
});

it('serves one peer with one token once, and nobody else', async () => {
  const token = randomBytes(24).toString('hex');
  const port = 45_678;
  const address = (host: string) => addresses.get(host) ?? '';
  const hold = new AbortController();
  let line: (text: string) => void = () => undefined;
  const first = new Promise<string>((resolve) => {
    line = resolve;
  });
  const offer = connections.get(A)?.exec(
    offerScript({
      path: SOURCE,
      size: SIZE,
      address: address(A),
      peer: address(B),
      port,
      tokenSha256: createHash('sha256').update(token).digest('hex'),
    }),
    { holdStdin: true, signal: hold.signal, onStdout: createLineReader((text) => line(text)) },
  );
  expect(await first).toBe('ready');
  const fetch = (host: string, as: string) =>
    sh(
      host,
      `curl -s -m 5 -o /dev/null -w '%{http_code} %{size_download}' --interface ${address(host)} -H 'X-Mesh-Token: ${as}' http://${address(A)}:${port}/ || :`,
    );
  expect(await fetch(C, token)).toBe('000 0');
  expect(await fetch(B, 'f'.repeat(48))).toBe('403 0');
  expect(await sh(A, `ss -Hltn | awk '{ print $4 }' | grep ':${port}$'`)).toBe(`${address(A)}:${port}\n`);
  expect(await fetch(B, token)).toBe(`200 ${SIZE}`);
  expect(await fetch(B, token)).toBe('000 0');
  hold.abort();
  await offer;
  await nothingRemains();
});
