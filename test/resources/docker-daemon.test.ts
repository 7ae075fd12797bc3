import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DockerFacts, HostFacts } from '../../src/facts/types.js';
import { RESTART_PENDING } from '../../src/resources/docker-daemon/restart.js';
import { dockerDaemon } from '../../src/resources/docker-daemon.js';
import { editDocker } from '../../src/resources/facts-edit-host.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown, withFormer } from './facts.js';
import { absent, aContainer, withFiles } from './hosts.js';
import { syntaxErrors } from './shell-syntax.js';

const PATH = '/etc/docker/daemon.json';
const settings = { bip: '172.17.41.1/16', 'fixed-cidr': '172.17.41.0/24', mtu: 1462 };

function facts(content?: string, docker: Partial<DockerFacts> = {}): HostFacts {
  const host = editDocker(hostFacts(), (now) => ({ ...now, ...docker }));
  return withFiles(host, { [PATH]: content ?? absent, [RESTART_PENDING]: absent });
}

/** A host on which the settings are, as mesh leaves it. */
function deployed(content?: string, docker: Partial<DockerFacts> = {}): HostFacts {
  const host = facts(content, docker);
  return applied(plan(dockerDaemon, { settings }, host), host);
}

const refusal = (diff: ReturnType<typeof plan>) => {
  expect(diff.kind).toBe('refused');
  return diff.kind === 'refused' ? `${diff.sentence} — ${diff.fix}` : '';
};

describe('docker_daemon', () => {
  it('writes the settings, then restarts dockerd, and says what that is for', () => {
    const changes = changesOf(plan(dockerDaemon, { settings }, facts()));
    expect(changes.map((change) => change.sentence)).toEqual([
      'create /etc/docker/daemon.json with bip, fixed-cidr, mtu',
      'restart dockerd (address 172.17.41.1, containers in 172.17.41.0/24, MTU 1462)',
    ]);
    expect(changes[0]?.command).toMatchInlineSnapshot(`
      "seen=absent; if [ -e /etc/docker/daemon.json ] || [ -L /etc/docker/daemon.json ]; then seen=$(sha256sum 2>/dev/null </etc/docker/daemon.json || echo other); fi
      case \${seen%% *} in
      absent | b332a0f54a8095ab3c09864fbc76b24d032ec35f8a5b2deddf54a30fe456ef38) ;;
      *)
        dpkg -S /etc/docker/daemon.json >/dev/null 2>&1 || rpm -qf /etc/docker/daemon.json >/dev/null 2>&1 || {
          echo '/etc/docker/daemon.json was changed after the plan was made, and is left as it is: run the same command again for a new plan' >&2
          rm -f /var/lib/mesh/record/docker_daemon/etc%2Fdocker%2Fdaemon.json /var/lib/mesh/record/docker_setting/etc%2Fdocker%2Fdaemon.json%2Fbip /var/lib/mesh/record/docker_setting/etc%2Fdocker%2Fdaemon.json%2Ffixed-cidr /var/lib/mesh/record/docker_setting/etc%2Fdocker%2Fdaemon.json%2Fmtu
          exit 1
        }
        ;;
      esac
      mkdir -p -m 0700 /var/lib/mesh /var/lib/mesh/pending
      [ -e /var/lib/mesh/pending/docker ] || : >/var/lib/mesh/pending/docker
      umask 022
      mkdir -p /etc/docker
      new=$(mktemp /etc/docker/.mesh.XXXXXX)
      trap 'rm -f "$new"' EXIT
      printf %s '{
        "bip": "172.17.41.1/16",
        "fixed-cidr": "172.17.41.0/24",
        "mtu": 1462
      }
      ' >"$new"
      chmod 0644 "$new"
      sync "$new" 2>/dev/null || sync
      mv -f "$new" /etc/docker/daemon.json"
    `);
    expect(changes[0]?.records).toEqual([
      {
        key: 'docker_daemon/etc%2Fdocker%2Fdaemon.json',
        value: {
          file: { kind: 'absent', made: [] },
          bridge: { addresses: ['172.17.0.1/16'], mtu: 1500 },
          network: { subnet: '172.17.0.0/16', gateway: '172.17.0.1', range: null },
        },
      },
      ...Object.keys(settings).map((key) => {
        return { key: `docker_setting/etc%2Fdocker%2Fdaemon.json%2F${key}`, value: { key, back: null } };
      }),
    ]);
  });

  it('restarts in one text that puts the old file back where dockerd does not start', () => {
    const [, restart] = changesOf(plan(dockerDaemon, { settings: { mtu: 1462 } }, facts('{"debug": true}')));
    expect(restart?.command).toMatchSnapshot();
  });

  it('merges into what the file holds', () => {
    const [write] = changesOf(
      plan(dockerDaemon, { settings: { mtu: 1462, debug: null } }, facts('{\n\t"debug": true,\n\t"x": 1\n}\n')),
    );
    expect(write?.after).toBe('{\n\t"x": 1,\n\t"mtu": 1462\n}\n');
    expect(write?.before).toBe('{\n\t"debug": true,\n\t"x": 1\n}\n');
  });

  it('does nothing where file and network are right, however the file is written', () => {
    const host = deployed();
    expect(changesOf(plan(dockerDaemon, { settings }, host))).toEqual([]);
    const other = withFiles(host, {
      [PATH]: '{"mtu":1462,"fixed-cidr":"172.17.41.0/24", "bip":"172.17.41.1/16","x":1}',
    });
    expect(changesOf(plan(dockerDaemon, { settings }, other))).toEqual([]);
  });

  it('restarts alone where the file is right and dockerd runs with something else', () => {
    const changes = changesOf(plan(dockerDaemon, { settings }, facts(JSON.stringify(settings))));
    expect(changes.map((change) => change.sentence)).toEqual([
      'restart dockerd (address 172.17.41.1, containers in 172.17.41.0/24, MTU 1462)',
    ]);
    expect(changes[0]?.records).toHaveLength(4);
    expect(changes[0]?.undo).toHaveProperty('impossible');
  });

  it('goes on with a restart that an earlier run did not come to', () => {
    const host = withFiles(deployed(), { [RESTART_PENDING]: '' });
    expect(changesOf(plan(dockerDaemon, { settings }, host)).map((change) => change.sentence)).toEqual([
      'restart dockerd',
    ]);
  });

  it('only writes where it shall not restart, and says so', () => {
    const diff = plan(dockerDaemon, { settings, restart: false }, facts());
    expect(changesOf(diff)).toHaveLength(1);
    expect(diff).toHaveProperty('notes', [expect.stringContaining('not restarted')]);
  });

  it('foretells the fate of every container that a restart touches', () => {
    const containers = [
      aContainer('web', { restartPolicy: 'always' }),
      aContainer('db', { restartPolicy: 'unless-stopped' }),
      aContainer('job', { restartPolicy: 'on-failure' }),
      aContainer('shell'),
      aContainer('probe', { autoRemove: true }),
      aContainer('old', { running: false }),
      aContainer('sleeper', { running: false, restartPolicy: 'always' }),
    ];
    const host = facts(undefined, { containers });
    const diff = plan(dockerDaemon, { settings }, host);
    const [write, restart] = changesOf(diff);
    expect(write?.fates).toBeUndefined();
    expect(restart?.fates?.map(({ container, fate }) => `${container} ${fate}`)).toEqual([
      'web restarts by its policy',
      'db restarts by its policy',
      'job is started again by mesh',
      'shell is started again by mesh',
      'probe vanishes (--rm)',
      'sleeper restarts by its policy',
    ]);
    const after = applied(diff, host);
    const names = after.docker.known
      ? after.docker.value.containers.map((one) => [one.name, one.endpoints[0]?.address])
      : [];
    expect(names).toEqual([
      ['web', null],
      ['db', null],
      ['job', null],
      ['shell', null],
      ['old', '172.17.0.2'],
      ['sleeper', null],
    ]);
  });

  it('plans for a Docker that an earlier change brings', () => {
    const host = withFiles(
      editDocker(hostFacts(), (docker) => ({ ...docker, installed: false })),
      {},
    );
    expect(
      refusal(plan(dockerDaemon, { settings }, withFiles(host, { [PATH]: absent, [RESTART_PENDING]: absent }))),
    ).toContain('package');
  });

  it('takes nothing that could not be read for absent', () => {
    expect(plan(dockerDaemon, { settings }, { ...facts(), docker: unknown }).kind).toBe('unknown');
    expect(plan(dockerDaemon, { settings }, { ...facts(), files: {} }).kind).toBe('unknown');
    expect(plan(dockerDaemon, { settings }, { ...facts(), addresses: unknown }).kind).toBe('unknown');
    expect(plan(dockerDaemon, { state: 'former' }, { ...facts(), mesh: unknown }).kind).toBe('unknown');
  });
});

describe('docker_daemon refuses', () => {
  it('a file that is not JSON, and says where', () => {
    const text = refusal(plan(dockerDaemon, { settings }, facts('{\n  "debug": true,\n}\n')));
    expect(text).toContain('/etc/docker/daemon.json:3:1: not JSON');
  });

  it('a key that dockerd also has as a flag', () => {
    const flags = ['/usr/bin/dockerd', '-H', 'fd://', '--mtu=1400'];
    const text = refusal(plan(dockerDaemon, { settings }, facts(undefined, { flags })));
    expect(text).toContain(
      'dockerd is started with --mtu 1400; it does not start when /etc/docker/daemon.json sets mtu as well',
    );
    expect(text).toContain('systemctl cat docker');
    const plural = facts(undefined, { flags: ['dockerd', '--dns', '1.1.1.1', '--label', 'a=b'] });
    expect(refusal(plan(dockerDaemon, { settings: { labels: ['c=d'] } }, plural))).toContain('--label a=b');
  });

  it('settings that dockerd reads from another file', () => {
    const flags = ['dockerd', '--config-file', '/srv/docker.json'];
    expect(refusal(plan(dockerDaemon, { settings }, facts(undefined, { flags })))).toContain(
      '`path: /srv/docker.json`',
    );
  });

  it('bip beside bridge, in the file or as a flag', () => {
    expect(refusal(plan(dockerDaemon, { settings }, facts('{"bridge": "br9"}')))).toContain('`bridge: null`');
    expect(refusal(plan(dockerDaemon, { settings, bridge: 'br9' }, facts()))).toContain('docker0, never to br9');
    const flags = ['dockerd', '-b', 'br9'];
    expect(refusal(plan(dockerDaemon, { settings }, facts(undefined, { flags })))).toContain('the flag -b br9');
    expect(plan(dockerDaemon, { settings: { ...settings, bridge: null } }, facts('{"bridge": "br9"}')).kind).toBe(
      'changes',
    );
  });

  it('icc: false', () => {
    expect(refusal(plan(dockerDaemon, { settings }, facts('{"icc": false}')))).toContain('`icc: null`');
    expect(
      refusal(plan(dockerDaemon, { settings }, facts(undefined, { flags: ['dockerd', '--icc=false'] }))),
    ).toContain('flag');
  });

  it('a bip that overlaps another network of Docker', () => {
    const host = editDocker(facts(), (docker) => ({
      ...docker,
      networks: [
        ...docker.networks,
        {
          name: 'shop_default',
          driver: 'bridge',
          subnets: [{ subnet: '172.17.128.0/20', gateway: null, range: null }],
          options: {},
        },
        {
          name: 'far',
          driver: 'bridge',
          subnets: [{ subnet: '172.18.0.0/16', gateway: null, range: null }],
          options: {},
        },
      ],
    }));
    const text = refusal(plan(dockerDaemon, { settings }, host));
    expect(text).toContain('shop_default (172.17.128.0/20)');
    expect(text).not.toContain('far');
  });

  it('new network settings under live-restore while containers run, and no other settings', () => {
    const live = facts(undefined, { liveRestore: true, containers: [aContainer('web')] });
    expect(refusal(plan(dockerDaemon, { settings }, live))).toContain('docker stop web');
    const diff = plan(dockerDaemon, { settings: { 'max-concurrent-downloads': 2 } }, live);
    expect(changesOf(diff)[1]?.fates).toBeUndefined();
    expect(plan(dockerDaemon, { settings }, facts(undefined, { liveRestore: true })).kind).toBe('changes');
  });

  it.each(['snap', 'rootless', 'podman', 'desktop'] as const)('Docker of the kind %s', (flavour) => {
    expect(refusal(plan(dockerDaemon, { settings }, facts(undefined, { flavour })))).toContain('docker-ce');
  });

  it('values that dockerd would not take', () => {
    expect(complaints(dockerDaemon, { settings: { bip: '172.17.41.0/24' } })).toEqual([
      'is the address of a network; docker0 needs one of a host in it, like 172.17.41.1/24',
    ]);
    expect(complaints(dockerDaemon, { settings: { mtu: '1462' } })[0]).toContain('without quotes');
    expect(complaints(dockerDaemon, { settings: { ...settings, 'fixed-cidr': '10.0.0.0/24' } })[0]).toContain(
      '172.17.0.0/16',
    );
    expect(complaints(dockerDaemon, {})).toEqual(['is needed: the keys of daemon.json to set']);
  });
});

describe('docker_daemon former', () => {
  it('puts file, address and network back while dockerd is down, and dockerd learns its address', () => {
    const before = facts('{"debug": true}', { containers: [aContainer('web')] });
    const host = applied(plan(dockerDaemon, { settings }, before), before);
    const diff = plan(dockerDaemon, { state: 'former' }, host);
    const [change, ...more] = changesOf(diff);
    expect(more).toEqual([]);
    expect(change?.command).toMatchSnapshot();
    expect(change?.fates).toEqual([{ container: 'web', fate: 'is started again by mesh' }]);
    const end = applied(diff, host);
    expect([end.files[PATH], end.addresses, end.routes]).toEqual([before.files[PATH], before.addresses, before.routes]);
    expect(changesOf(plan(dockerDaemon, { state: 'former' }, end))).toEqual([]);
  });

  it('keeps what people set in the file since, and takes back only what mesh set', () => {
    const before = facts('{\n  "mtu": 1400,\n  "debug": true\n}\n');
    const host = applied(plan(dockerDaemon, { settings }, before), before);
    const text = '{\n  "mtu": 1462,\n  "log-opts": { "max-size": "10m" },\n  "bip": "172.17.41.1/16"\n}\n';
    const edited = withFiles(host, { [PATH]: text });
    const diff = plan(dockerDaemon, { state: 'former' }, edited);
    expect(diff).toHaveProperty('notes', [`${PATH} keeps what others set in it since mesh came`]);
    const end = applied(diff, edited);
    expect(end.files[PATH]).toMatchObject({
      value: { content: '{\n  "mtu": 1400,\n  "log-opts": { "max-size": "10m" }\n}\n' },
    });
    expect(end.addresses).toEqual(before.addresses);
    expect(changesOf(plan(dockerDaemon, { state: 'former' }, end))).toEqual([]);
  });

  it('does not remove a file that mesh made and others have put something into', () => {
    const host = withFiles(deployed(), { [PATH]: JSON.stringify({ ...settings, 'registry-mirrors': ['http://m'] }) });
    const diff = plan(dockerDaemon, { state: 'former' }, host);
    expect(applied(diff, host).files[PATH]).toMatchObject({ value: { content: '{"registry-mirrors":["http://m"]}' } });
    const unnoted = withFormer(host, {
      'docker_daemon/etc%2Fdocker%2Fdaemon.json': {
        file: { kind: 'absent', made: [] },
        bridge: { addresses: ['172.17.0.1/16'], mtu: 1500 },
        network: null,
      },
    });
    expect(applied(plan(dockerDaemon, { state: 'former' }, unnoted), unnoted).files[PATH]).toEqual(
      applied(diff, host).files[PATH],
    );
  });

  it('takes back parts of a value where mesh set parts, and notes each key once, whatever task comes first', () => {
    const before = facts('{"log-opts": {"max-file": "3"}}');
    const first = { settings: { 'log-opts': { 'max-size': '1m' } } };
    const one = applied(plan(dockerDaemon, first, before), before);
    const edited = withFiles(one, { [PATH]: '{"log-opts": {"max-file": "3", "max-size": "1m"}, "debug": true}' });
    const two = applied(plan(dockerDaemon, { settings: { debug: false, mtu: 1400 } }, edited), edited);
    const end = applied(plan(dockerDaemon, { state: 'former' }, two), two);
    expect(end.files[PATH]).toMatchObject({ value: { content: '{"log-opts": {"max-file": "3"}, "debug": true}' } });
  });

  it('refuses to guess in a file that is no JSON any more', () => {
    const host = withFiles(deployed(), { [PATH]: '{"bip": ' });
    expect(refusal(plan(dockerDaemon, { state: 'former' }, host))).toContain('no JSON object any more');
  });

  it('does nothing without a record', () => {
    expect(changesOf(plan(dockerDaemon, { state: 'former' }, facts('{"debug": true}')))).toEqual([]);
  });

  it('does not start a dockerd that somebody stopped', () => {
    const host = editDocker(deployed(), (docker) => ({ ...docker, running: false }));
    const [change] = changesOf(plan(dockerDaemon, { state: 'former' }, host));
    expect(change?.sentence).not.toContain('restart');
    expect(change?.command).not.toContain('begin start');
    expect(change?.command).toContain('ip -4 addr flush dev docker0');
  });

  it('takes the bridge away that dockerd made where there was none, once dockerd is stopped again', () => {
    const none = { ...facts(), links: known([]), addresses: known([]), routes: known([]) };
    const host = applied(plan(dockerDaemon, { settings }, none), none);
    const diff = plan(dockerDaemon, { state: 'former' }, host);
    const running = applied(diff, host);
    expect(changesOf(plan(dockerDaemon, { state: 'former' }, running))).toEqual([]);
    const stopped = editDocker(running, (docker) => ({ ...docker, running: false }));
    const last = plan(dockerDaemon, { state: 'former' }, stopped);
    expect(changesOf(last)[0]?.command).toContain('ip link delete docker0');
    const end = applied(last, stopped);
    expect([end.files[PATH], end.links]).toEqual([none.files[PATH], none.links]);
    expect(changesOf(plan(dockerDaemon, { state: 'former' }, end))).toEqual([]);
  });

  it('puts only the file back where Docker is gone', () => {
    const host = editDocker(deployed(), (docker) => ({ ...docker, installed: false, running: false }));
    const diff = plan(dockerDaemon, { state: 'former' }, host);
    expect(changesOf(diff).map((change) => change.command)).toEqual([
      expect.stringMatching(/^esac\nrm -f \/etc\/docker\/daemon.json$/m),
    ]);
    expect(changesOf(plan(dockerDaemon, { state: 'former' }, applied(diff, host)))).toEqual([]);
  });
});

describe('any docker_daemon task', () => {
  const octet = fc.integer({ min: 1, max: 254 });
  const wanted = fc.record(
    {
      bip: fc.tuple(octet, fc.constantFrom(16, 24)).map(([slice, bits]) => `172.17.${slice}.1/${bits}`),
      mtu: fc.integer({ min: 68, max: 9000 }),
      debug: fc.constantFrom(true, false, null),
      "it's": fc.string().map((text) => text.replaceAll('\0', '')),
    },
    { requiredKeys: ['bip'] },
  );
  const content = fc.constantFrom(
    undefined,
    '',
    '{}',
    '{\n  "debug": true,\n  "bip": "172.17.0.1/16"\n}\n',
    '{"mtu": 1400}',
  );

  it('comes to rest, goes back to where it was, and is shell that a shell can read', () => {
    const texts: string[] = [];
    fc.assert(
      fc.property(wanted, content, fc.boolean(), (settings, text, running) => {
        const before = facts(text, { running, containers: running ? [aContainer("it's")] : [] });
        const diff = plan(dockerDaemon, { settings }, before);
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, before);
        expect(changesOf(plan(dockerDaemon, { settings }, after))).toEqual([]);
        const back = plan(dockerDaemon, { state: 'former' }, after);
        texts.push(...changesOf(back).flatMap(shellTexts));
        const end = applied(back, after);
        expect(end.files[PATH]).toEqual(before.files[PATH]);
        expect(end.addresses).toEqual(before.addresses);
        expect(changesOf(plan(dockerDaemon, { state: 'former' }, end))).toEqual([]);
      }),
      { numRuns: 60 },
    );
    expect(syntaxErrors(texts)).toBe('');
  });
});
