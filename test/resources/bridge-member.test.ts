import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Container, HostFacts } from '../../src/facts/types.js';
import { bridgeMember } from '../../src/resources/bridge-member.js';
import { ipv4Number } from '../../src/resources/parameters.js';
import {
  aBridge,
  aLink,
  applied,
  changesOf,
  complaints,
  hostFacts,
  known,
  plan,
  shellTexts,
  unknown,
  withBridges,
} from './facts.js';
import { syntaxErrors } from './shell-syntax.js';

const joined = { bridge: 'docker0', member: 'br0', slice: '172.17.41.0/24', address: '172.17.41.1/16' };

function container(name: string, address: string | null, changes: Partial<Container> = {}): Container {
  return {
    id: name,
    name,
    image: 'web',
    running: true,
    restartPolicy: 'no',
    autoRemove: false,
    networkMode: 'bridge',
    endpoints: [{ network: 'bridge', address, mac: null }],
    ...changes,
  };
}

function meshed(...containers: readonly Container[]): HostFacts {
  const facts = withBridges(hostFacts(), aBridge('br0'));
  return {
    ...facts,
    addresses: known([{ link: 'docker0', family: 4, address: '172.17.41.1', prefix: 16, scope: 'global' }]),
    docker: facts.docker.known ? known({ ...facts.docker.value, containers }) : facts.docker,
  };
}

describe('bridge_member', () => {
  it('joins, with the checks in the command too', () => {
    const [change, ...rest] = changesOf(plan(bridgeMember, joined, meshed(container('web', '172.17.41.7'))));
    expect(rest).toEqual([]);
    expect(change?.sentence).toBe('make br0 a port of docker0');
    expect(change?.command).toMatchInlineSnapshot(`
      "ip -o -4 addr show dev docker0 | grep -qF ' 172.17.41.1/16 ' || {
        echo 'docker0 does not have the address 172.17.41.1/16: br0 is not put into docker0' >&2
        exit 1
      }
      ends=$(docker network inspect bridge --format '{{range .Containers}}{{.Name}}/{{.IPv4Address}} {{end}}') || {
        echo 'Docker does not say which addresses its containers have: br0 is not put into docker0' >&2
        exit 1
      }
      for end in $ends; do
        address=\${end#*/} address=\${address%%/*}
        [ -n "$address" ] || continue
        number=$(IFS=. && set -- $address && echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4)))
        if [ $((number >> 8)) -ne 11276585 ]; then
          echo "container \${end%%/*} has $address, outside "'172.17.41.0/24: br0 is not put into docker0' >&2
          exit 1
        fi
      done
      ip link set dev br0 master docker0 up"
    `);
    expect(change?.undo).toMatchInlineSnapshot(`
      {
        "command": "if ip -o link show dev br0 2>/dev/null | grep -qF ' master docker0 '; then ip link set dev br0 nomaster; fi",
      }
    `);
    expect(change?.records).toEqual([{ key: 'bridge_member/docker0%2Fbr0', value: null }]);
    expect(change?.guard).toBeUndefined();
  });

  it('refuses while a container holds an address outside the slice', () => {
    const facts = meshed(
      container("a'b", '172.17.0.2'),
      container('web', '172.17.41.7'),
      container('db', '172.17.0.3', { running: false }),
    );
    expect(plan(bridgeMember, joined, facts)).toEqual({
      kind: 'refused',
      sentence:
        "docker0 has containers with addresses outside this host's slice 172.17.41.0/24: a'b (172.17.0.2); another host may hand out the same ones",
      fix: `restart them, so that they get new addresses (docker restart 'a'\\''b'), then deploy again`,
    });
  });

  it('leaves to the command what a planned restart of Docker makes unknown', () => {
    expect(changesOf(plan(bridgeMember, joined, meshed(container('web', null))))).toHaveLength(1);
    const other = container('app', '172.18.0.2', {
      endpoints: [{ network: 'compose', address: '172.18.0.2', mac: null }],
    });
    expect(changesOf(plan(bridgeMember, joined, meshed(other)))).toHaveLength(1);
  });

  it('refuses a bridge with another address, a missing member, and a member of another bridge', () => {
    const facts = meshed();
    expect(plan(bridgeMember, joined, { ...facts, addresses: hostFacts().addresses })).toMatchObject({
      kind: 'refused',
      sentence: 'docker0 has 172.17.0.1/16, not 172.17.41.1/16',
    });
    expect(plan(bridgeMember, joined, { ...hostFacts(), addresses: facts.addresses })).toMatchObject({
      kind: 'refused',
      sentence: 'there is no device br0 to put into docker0',
    });
    const links = known([aLink('br0', { master: 'virbr0' }), aLink('docker0')]);
    expect(plan(bridgeMember, joined, { ...facts, links })).toMatchObject({ kind: 'refused' });
    const none = known([aLink('br0')]);
    expect(plan(bridgeMember, joined, { ...facts, links: none })).toMatchObject({ kind: 'refused' });
  });

  it('waits for a bridge that Docker may make when it starts', () => {
    const facts = meshed();
    const stopped = facts.docker.known ? known({ ...facts.docker.value, running: false }) : facts.docker;
    const [change] = changesOf(plan(bridgeMember, joined, { ...facts, docker: stopped, links: known([aLink('br0')]) }));
    expect(change?.guard).toBe('ip link show dev docker0 >/dev/null 2>&1');
  });

  it('has nothing to do a second time, and takes out what it put in', () => {
    const facts = meshed();
    const after = applied(plan(bridgeMember, joined, facts), facts);
    expect(changesOf(plan(bridgeMember, joined, after))).toEqual([]);
    const leave = { bridge: 'docker0', member: 'br0', state: 'absent' };
    const diff = plan(bridgeMember, leave, after);
    expect(changesOf(diff).map((one) => one.sentence)).toEqual(['take br0 out of docker0']);
    expect(applied(diff, after).links).toEqual(facts.links);
    const byHand = { ...facts, links: after.links };
    expect(plan(bridgeMember, leave, byHand)).toEqual({
      kind: 'changes',
      changes: [],
      notes: ['mesh did not make br0 a port of docker0: it is left there'],
    });
  });

  it('takes an adopted bridge out of where somebody had put it, and puts it there again', () => {
    const adopted = aBridge('br0', { externalIds: { 'mesh-owner': 'mesh' } });
    const facts = withBridges(hostFacts(), adopted);
    const links = facts.links.known ? facts.links.value : [];
    const inside = {
      ...facts,
      links: known(links.map((link) => (link.name === 'br0' ? { ...link, master: 'docker0' } : link))),
    };
    const leave = { bridge: 'docker0', member: 'br0', state: 'absent' };
    const diff = plan(bridgeMember, leave, inside);
    expect(changesOf(diff).map((one) => [one.sentence, one.records])).toEqual([
      ['take br0 out of docker0', [{ key: 'bridge_member/docker0%2Fbr0', value: 'docker0' }]],
    ]);
    const out = applied(diff, inside);
    const given = withBridges(out, aBridge('br0'));
    expect(changesOf(plan(bridgeMember, leave, given))).toEqual([]);
    const back = plan(bridgeMember, { ...leave, state: 'former' }, given);
    expect(changesOf(back).map((one) => one.command)).toEqual(['ip link set dev br0 master docker0']);
    const end = applied(back, given);
    expect(end.links).toEqual(inside.links);
    for (const state of ['absent', 'former']) {
      expect(changesOf(plan(bridgeMember, { ...leave, state }, end))).toEqual([]);
    }
  });

  it('goes back to no bridge, and to nothing without a record or a device', () => {
    const back = { bridge: 'docker0', member: 'br0', state: 'former' };
    const joinedFacts = applied(plan(bridgeMember, joined, meshed()), meshed());
    expect(changesOf(plan(bridgeMember, back, joinedFacts)).map((one) => one.sentence)).toEqual([
      'take br0 out of docker0',
    ]);
    expect(changesOf(plan(bridgeMember, back, { ...joinedFacts, mesh: hostFacts().mesh }))).toEqual([]);
    expect(changesOf(plan(bridgeMember, back, { ...joinedFacts, links: hostFacts().links }))).toEqual([]);
  });

  it('says what it cannot know', () => {
    expect(plan(bridgeMember, joined, { ...meshed(), docker: unknown }).kind).toBe('unknown');
    expect(plan(bridgeMember, joined, { ...meshed(), links: unknown }).kind).toBe('unknown');
    expect(plan(bridgeMember, joined, { ...meshed(), addresses: unknown }).kind).toBe('unknown');
    expect(complaints(bridgeMember, { ...joined, member: '$(x)' })).toHaveLength(1);
  });
});

describe('the check in the command', () => {
  /** Runs the command with stand-ins for ip and docker that say what a host would. */
  function run(slice: string, ends: string, address = '172.17.41.1/16') {
    const directory = mkdtempSync(join(tmpdir(), 'mesh-'));
    try {
      const ip = `#!/bin/sh\ncase "$*" in *addr*) echo '3: docker0 inet ${address} brd x' ;; *) echo "ip $*" ;; esac\n`;
      for (const [name, text] of Object.entries({ ip, docker: `#!/bin/sh\nprintf '%s' '${ends}'\n` })) {
        writeFileSync(join(directory, name), text);
        chmodSync(join(directory, name), 0o755);
      }
      const [change] = changesOf(plan(bridgeMember, { ...joined, slice }, meshed()));
      const env = { PATH: `${directory}:${process.env.PATH ?? ''}` };
      return spawnSync('sh', ['-ec', change?.command ?? ''], { env, encoding: 'utf8' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  it('joins where all is right', () => {
    const done = run('172.17.41.0/24', 'web/172.17.41.7/16 none/ ');
    expect([done.status, done.stdout, done.stderr]).toEqual([0, 'ip link set dev br0 master docker0 up\n', '']);
  });

  it('does not where an address is outside', () => {
    const done = run('172.17.41.0/24', 'web/172.17.41.7/16 old/172.17.0.2/16 ');
    expect([done.status, done.stdout]).toEqual([1, '']);
    expect(done.stderr).toBe('container old has 172.17.0.2, outside 172.17.41.0/24: br0 is not put into docker0\n');
  });

  it('does not where the bridge has another address', () => {
    const done = run('172.17.41.0/24', '', '172.17.0.1/16');
    expect([done.status, done.stderr]).toEqual([
      1,
      'docker0 does not have the address 172.17.41.1/16: br0 is not put into docker0\n',
    ]);
  });

  it('counts as the planner does, for every prefix', () => {
    const address = fc.ipV4();
    fc.assert(
      fc.property(address, fc.integer({ min: 1, max: 32 }), address, (end, length, base) => {
        const size = 2 ** (32 - length);
        const low = Math.floor(ipv4Number(base) / size) * size;
        const slice = `${[24, 16, 8, 0].map((shift) => Math.floor(low / 2 ** shift) % 256).join('.')}/${length}`;
        const inside = ipv4Number(end) >= low && ipv4Number(end) < low + size;
        expect(run(slice, `web/${end}/16 `).status).toBe(inside ? 0 : 1);
        expect(plan(bridgeMember, { ...joined, slice }, meshed(container('web', end))).kind).toBe(
          inside ? 'changes' : 'refused',
        );
      }),
      { numRuns: 25 },
    );
  });

  it('can be read by sh', () => {
    const changes = changesOf(plan(bridgeMember, joined, meshed()));
    expect(syntaxErrors(changes.flatMap(shellTexts))).toBe('');
  });
});
