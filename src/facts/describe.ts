import type { Fact, HostFacts } from './types.js';

function said<T>(fact: Fact<T>, describe: (value: T) => string): string {
  return fact.known ? describe(fact.value) : `unknown: ${fact.why}`;
}

/** What a host says goes to a terminal without anything that a terminal would obey. */
function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

function size(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}

/** A host's facts in a few lines for people. The whole of them is what `--json` is for. */
export function describeFacts(facts: HostFacts): string {
  const rows: [string, string][] = [
    [
      'system',
      said(facts.system, (system) =>
        [
          system.osName,
          `kernel ${system.kernel} ${system.architecture}`,
          `${size(system.memoryBytes)} memory`,
          `${size(system.diskFreeBytes)} free on disk`,
        ].join(', '),
      ),
    ],
    [
      'addresses',
      said(facts.addresses, (addresses) =>
        addresses
          .filter(({ family, scope }) => family === 4 && scope === 'global')
          .map(({ link, address, prefix }) => `${address}/${prefix} on ${link}`)
          .join(', '),
      ),
    ],
    [
      'Open vSwitch',
      said(facts.openvswitch, ({ installed, running, version, bridges }) => {
        if (!installed) return 'not installed';
        const list = bridges.map(({ name, datapath, ports }) => `${name} (${datapath}, ${ports.length} ports)`);
        return [running ? (version ?? 'of an unknown version') : 'installed, not running', ...list].join(', ');
      }),
    ],
    [
      'Docker',
      said(facts.docker, ({ installed, running, version, containers }) => {
        if (!installed) return 'not installed';
        const up = containers.filter((container) => container.running).length;
        if (!running) return 'installed, not running';
        return `${version ?? 'of an unknown version'}, ${up} of ${containers.length} containers run`;
      }),
    ],
    [
      'mesh',
      said(facts.mesh, ({ records, lastRun, lock }) => {
        const kept = Object.keys(records).length;
        const state = kept === 0 ? 'not set up' : `${kept} former values kept`;
        const run = lastRun === null ? '' : `, last run ${lastRun}`;
        return `${state}${run}${lock ? `, locked by ${lock.owner} since ${lock.since}` : ''}`;
      }),
    ],
  ];
  return [facts.host, ...rows.map(([name, text]) => `  ${name.padEnd(13)} ${plain(text)}`)].join('\n');
}
