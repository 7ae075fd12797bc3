import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DockerFacts, HostFacts } from '../../src/facts/types.js';
import { iptablesRules } from '../../src/resources/iptables-rules.js';
import { editDocker } from '../../src/resources/facts-edit-host.js';
import { packages } from '../../src/resources/package.js';
import { service } from '../../src/resources/service.js';
import { applied, changesOf, complaints, hostFacts, known, plan, shellTexts, unknown, withFormer } from './facts.js';
import { aContainer, inTemporaryDirectory, missing, runStep, withPackages, withServices } from './hosts.js';
import { syntaxErrors } from './shell-syntax.js';

const offered = { installed: null, candidate: '3.1.0-2' };
const there = { installed: '3.1.0-2', candidate: null };

const noDocker: DockerFacts = {
  installed: false,
  running: false,
  version: null,
  flags: [],
  flavour: 'engine',
  liveRestore: false,
  swarm: false,
  networks: [],
  containers: [],
};

/** A host of the Red Hat family. */
function rpm(facts: HostFacts): HostFacts {
  if (!facts.system.known) return facts;
  return { ...facts, system: known({ ...facts.system.value, packageFormat: 'rpm', osName: 'Rocky Linux 9' }) };
}

const bare = withPackages(
  { ...hostFacts(), openvswitch: known({ installed: false, running: false, version: null, bridges: [] }) },
  { 'openvswitch-switch': offered, tree: offered, jq: there },
);

describe('package', () => {
  it('installs all that is missing at once, and records what was not there', () => {
    const diff = plan(packages, { name: ['tree', 'jq', 'openvswitch-switch'] }, bare);
    const [change, ...more] = changesOf(diff);
    expect(more).toEqual([]);
    expect(change?.sentence).toBe('install tree 3.1.0-2, openvswitch-switch 3.1.0-2');
    expect(change?.command).toMatchSnapshot();
    expect(change?.records).toEqual([
      { key: 'package/tree', value: { installed: null, list: 'openvswitch-switch%2Btree' } },
      { key: 'package/openvswitch-switch', value: { installed: null, list: 'openvswitch-switch%2Btree' } },
    ]);
  });

  it('reads the indexes first where a package is offered by none', () => {
    const facts = withPackages(bare, { tree: { installed: null, candidate: null } });
    const [change] = changesOf(plan(packages, { name: 'tree' }, facts));
    expect(change?.command).toMatch(/\nfetch\ninstall\n/);
  });

  it('waits for what the services of a package pull in, and still fails where nothing could be installed', () => {
    const [change] = changesOf(plan(packages, { name: 'tree' }, bare));
    const run = (install: number, jobs: string) =>
      inTemporaryDirectory((directory) => {
        const program = (name: string, text: string) =>
          writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
        program('apt-get', `exit ${install}`);
        program('sync', '');
        program('sleep', `echo slept >>${directory}/log; rm -f ${directory}/jobs`);
        program('systemctl', `cat ${directory}/jobs 2>/dev/null`);
        writeFileSync(join(directory, 'jobs'), jobs);
        writeFileSync(join(directory, 'log'), '');
        const own = (change?.command ?? '').replaceAll('/var/lib/mesh', directory);
        const { code } = runStep(`PATH=${directory}:$PATH\n${own}`);
        return { code, slept: readFileSync(join(directory, 'log'), 'utf8').split('\n').length - 1 };
      });
    expect(run(0, '12 lab-underlay.service start running\n')).toEqual({ code: 0, slept: 1 });
    expect(run(0, 'No jobs running.\n')).toEqual({ code: 0, slept: 0 });
    expect(run(100, '').code).not.toBe(0);
  });

  it('uses dnf or yum on the Red Hat side', () => {
    const [change] = changesOf(plan(packages, { name: 'openvswitch-switch' }, rpm(bare)));
    expect(change?.command).toMatchSnapshot();
  });

  it('brings a version that is asked for', () => {
    const [change] = changesOf(plan(packages, { name: 'jq', version: '2.0-1' }, bare));
    expect(change?.command).toContain(' jq=2.0-1');
    expect(change?.undo).toHaveProperty('impossible');
    expect(changesOf(plan(packages, { name: 'jq', version: '3.1.0-2' }, bare))).toEqual([]);
  });

  it('foresees what Open vSwitch and Docker bring', () => {
    const after = applied(plan(packages, { name: 'openvswitch-switch' }, bare), bare);
    expect(after.openvswitch).toEqual(known({ installed: true, running: true, version: '3.1.0-2', bridges: [] }));
    expect(changesOf(plan(service, { name: 'openvswitch-switch', state: 'started', enabled: true }, after))).toEqual(
      [],
    );
    const facts = withPackages(
      { ...hostFacts(), docker: known(noDocker), links: known([]), addresses: known([]), routes: known([]) },
      { 'docker.io': offered },
    );
    const docked = applied(plan(packages, { name: 'docker.io' }, facts), facts);
    expect(docked.docker.known && docked.docker.value.networks[0]?.subnets[0]?.gateway).toBe('172.17.0.1');
    expect(docked.addresses).toMatchObject({ value: [{ link: 'docker0', address: '172.17.0.1', prefix: 16 }] });
  });

  it('foresees that Docker brings iptables, and that dockerd may make its chain as it starts', () => {
    const none = known({ installed: false, policies: {}, rules: [] });
    const rules = [
      { table: 'filter', chain: 'INPUT', rule: ['-s', '192.168.199.42/32', '-p', 'gre', '-j', 'ACCEPT'] },
      { table: 'filter', chain: 'DOCKER-USER', rule: ['-p', 'gre', '-j', 'DROP'] },
    ];
    for (const name of ['docker.io', 'docker-ce']) {
      const facts = withPackages(
        { ...hostFacts({ iptables: none, docker: known(noDocker) }) },
        { [name]: offered, iptables: offered },
      );
      expect(plan(iptablesRules, { rules }, facts).kind).toBe('refused');
      const after = applied(plan(packages, { name }, facts), facts);
      const guards = changesOf(plan(iptablesRules, { rules }, after)).map((one) => one.guard);
      expect(guards).toEqual([undefined, 'iptables -w 5 -t filter -S DOCKER-USER >/dev/null 2>&1']);
      const alone = applied(plan(packages, { name: 'iptables' }, facts), facts);
      expect(plan(iptablesRules, { rules }, alone).kind).toBe('changes');
    }
    // What is there already is not forgotten.
    const before = hostFacts({ docker: known(noDocker) });
    const facts = withPackages(before, { 'docker.io': offered });
    expect(applied(plan(packages, { name: 'docker.io' }, facts), facts).iptables).toMatchObject(before.iptables);
  });

  it('lets a package that it knows nothing of bring any service', () => {
    const facts = withServices(bare, { treed: missing });
    const after = applied(plan(packages, { name: 'tree' }, facts), facts);
    expect(changesOf(plan(service, { name: 'treed', state: 'started' }, after))[0]?.guard).toContain('is-active');
  });

  it('takes back only what mesh brought, and keeps what other tasks brought by the same transaction', () => {
    const facts = applied(plan(packages, { name: ['tree', 'openvswitch-switch'] }, bare), bare);
    const [change] = changesOf(plan(packages, { name: ['tree', 'jq'], state: 'former' }, facts));
    expect(change?.sentence).toBe('remove tree, which mesh installed, and what came with it');
    expect(change?.command).toMatchSnapshot();
    expect(change?.command).toContain('keep=openvswitch-switch');
    expect(change?.command).not.toContain('purge ');
  });

  it('says what becomes of containers when Docker goes, or another version of it comes', () => {
    const containers = [aContainer('web', { restartPolicy: 'always' }), aContainer('rm', { autoRemove: true })];
    const running = editDocker(hostFacts(), (docker) => ({ ...docker, containers }));
    const facts = withPackages(running, { 'docker.io': { installed: '20.10', candidate: null }, jq: there });
    const fates = (task: object, host: HostFacts) => changesOf(plan(packages, task, host)).map((one) => one.fates);
    const gone = [
      { container: 'web', fate: 'stays stopped' },
      { container: 'rm', fate: 'vanishes (--rm)' },
    ];
    expect(fates({ name: ['jq', 'docker.io'], state: 'absent' }, facts)).toEqual([gone]);
    const record = (installed: string | null) =>
      withFormer(facts, { 'package/docker.io': { installed, list: 'docker.io' } });
    expect(fates({ name: 'docker.io', state: 'former' }, record(null))).toEqual([gone]);
    const restarted = [{ container: 'web', fate: 'restarts by its policy' }, gone[1]];
    expect(fates({ name: 'docker.io', state: 'former' }, record('19.3'))).toEqual([restarted]);
    expect(fates({ name: 'docker.io', version: '24.0' }, facts)).toEqual([restarted]);
    expect(fates({ name: 'jq', state: 'absent' }, facts)).toEqual([undefined]);
  });

  it('says what stays of Docker', () => {
    const facts = withPackages(hostFacts(), { 'docker.io': offered });
    const diff = plan(
      packages,
      { name: 'docker.io', state: 'former' },
      applied(plan(packages, { name: 'docker.io' }, facts), facts),
    );
    expect(diff).toHaveProperty('notes', [expect.stringContaining('/var/lib/docker stay')]);
    expect(changesOf(diff)[0]?.command).toContain('ip link delete docker0');
  });

  it('removes and brings back, where a task says absent', () => {
    const diff = plan(packages, { name: 'jq', state: 'absent' }, bare);
    const facts = applied(diff, bare);
    expect(changesOf(diff)[0]?.sentence).toBe('remove jq');
    expect(changesOf(plan(packages, { name: 'jq', state: 'former' }, facts))[0]?.sentence).toBe(
      'install jq 3.1.0-2 again, which mesh removed',
    );
  });

  it('does nothing for an empty list, and guesses nothing', () => {
    expect(changesOf(plan(packages, { name: [] }, bare))).toEqual([]);
    expect(plan(packages, { name: 'never-asked' }, bare).kind).toBe('unknown');
    expect(plan(packages, { name: 'tree' }, { ...bare, system: unknown }).kind).toBe('unknown');
  });

  it('teaches what to write', () => {
    expect(complaints(packages, { name: '--allow-unauthenticated' })[0]).toContain('name of a package');
    expect(complaints(packages, { name: 'tree; reboot' })[0]).toContain('name of a package');
    expect(complaints(packages, { name: 'tree', version: 3 })[0]).toContain('in quotes');
  });

  it('comes to rest from every state, and goes back', () => {
    const fact = fc.constantFrom(offered, there, { installed: null, candidate: null });
    const texts: string[] = [];
    fc.assert(
      fc.property(fact, fact, fc.constantFrom('present', 'absent'), fc.boolean(), (one, other, state, isRpm) => {
        const host = withPackages(hostFacts(), { 'openvswitch-switch': one, tree: other });
        const facts = isRpm ? rpm(host) : host;
        const task = { name: ['openvswitch-switch', 'tree'], state };
        const diff = plan(packages, task, facts);
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, facts);
        expect(changesOf(plan(packages, task, after))).toEqual([]);
        const back = plan(packages, { ...task, state: 'former' }, after);
        texts.push(...changesOf(back).flatMap(shellTexts));
        const end = applied(back, after);
        expect(changesOf(plan(packages, { ...task, state: 'former' }, end))).toEqual([]);
        for (const name of task.name) {
          const [before, now] = [facts.packages[name], end.packages[name]];
          expect(now?.known && now.value.installed).toBe(before?.known && before.value.installed);
        }
      }),
    );
    expect(syntaxErrors([...new Set(texts)])).toBe('');
  });
});
