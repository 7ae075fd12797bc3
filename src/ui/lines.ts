import type { EventStream } from '../events/stream.js';
import type { Event, Finding, HostState } from '../events/types.js';
import type { Screen } from './screen.js';
import type { Style, Tone } from './style.js';
import {
  bytes,
  clean,
  cleanLines,
  duration,
  names,
  plural,
  runTitle,
  waitingPhrase,
  withoutContainers,
} from './text.js';
import { emptyModel, type Model, reduce } from './view-model.js';

export interface LinesOptions {
  readonly output: NodeJS.WritableStream;
  /** Also every line that a step writes, waiting, notes, and each probe. */
  readonly verbose: boolean;
  /** Only what went wrong. */
  readonly quiet: boolean;
  readonly style: Style;
}

/** One plain line for each event that matters to a person: for logs, pipes and CI. Never moves the cursor. */
export function linesScreen(stream: Pick<EventStream, 'subscribe'>, options: LinesOptions): Screen {
  const { output } = options;
  let model: Model = emptyModel;
  let open = true;
  output.on('error', () => {
    open = false;
  });
  const unsubscribe = stream.subscribe(
    (event) => {
      model = reduce(model, event);
      for (const line of linesOf(model, event, options)) if (open) output.write(`${line}\n`);
    },
    { replay: true },
  );
  return {
    pause() {},
    resume() {},
    async stop() {
      unsubscribe();
    },
  };
}

type Wanted = Pick<LinesOptions, 'verbose' | 'quiet' | 'style'>;

/** The lines for one event; `model` is the model after it. */
export function linesOf(model: Model, event: Event, { verbose, quiet, style }: Wanted): string[] {
  const { symbols, paint } = style;
  const said = (tone: Tone, mark: string, text: string): string => `${paint(tone, mark)} ${text}`;
  const on = (host: string, text: string): string => `${paint('strong', clean(host))}: ${text}`;
  const loud = (line: string): string[] => (quiet ? [] : [line]);
  const detailed = (line: string): string[] => (verbose && !quiet ? [line] : []);
  switch (event.kind) {
    case 'run.started': {
      const { command, rest } = runTitle(event.command, event.inventory, event.hosts.length);
      return loud(paint('strong', `${command}: ${rest.join(', ')}`));
    }
    case 'host.state': {
      const detail = event.detail === undefined ? '' : `: ${clean(event.detail)}`;
      const line = on(event.host, `${STATES[event.state]}${detail}`);
      // The end of a run tells each host's state once more, and a step that failed was told already.
      const host = model.hosts.get(event.host);
      if (host && (host.since < Date.parse(event.time) || (event.state === 'failed' && host.error))) return [];
      if (BAD.has(event.state)) return [said('bad', symbols.failed, line)];
      return QUIET_STATES.has(event.state)
        ? detailed(said('dim', symbols.dot, line))
        : loud(said('dim', symbols.dot, line));
    }
    case 'finding':
      // Until there is a plan, findings are part of it and are read there.
      return model.plan || verbose ? findingLines(event, quiet, style) : [];
    case 'plan.ready': {
      const hosts = event.hosts.filter((host) => host.changes > 0).length;
      const text =
        event.hosts.length === 0 && model.hosts.size > 0
          ? 'Plan: no host could be looked at'
          : event.changes === 0
            ? 'Plan: nothing to change'
            : `Plan: ${plural(event.changes, 'change')} on ${plural(hosts, 'host')}`;
      return loud(said('good', symbols.done, text));
    }
    case 'play.started': {
      const hosts = event.hosts.length === 0 ? '' : ` (${names(event.hosts)})`;
      return loud(paint('strong', `Play ${event.index}/${event.of}: ${clean(event.play)}${hosts}`));
    }
    case 'play.ended': {
      const play = model.plays.findLast((view) => view.index === event.index && view.play === event.play);
      const changes = play ? `, ${plural(play.changed, 'change')}` : '';
      return detailed(said('dim', symbols.dot, `${clean(event.play)} ended${changes}, ${duration(event.durationMs)}`));
    }
    case 'step.started':
      return detailed(
        said('dim', symbols.dot, on(event.host, `[${event.step}/${event.of}] ${clean(event.sentence)} ...`)),
      );
    case 'step.output':
      return detailed(`  ${on(event.host, clean(event.line))}`);
    case 'step.ended':
      return stepLines(event, { verbose, quiet, style });
    case 'transfer':
      return transferLines(event, { verbose, quiet, style });
    case 'waiting': {
      return loud(said('dim', symbols.waiting, on(event.host, waitingPhrase(event.detail))));
    }
    case 'proof.started': {
      const how = event.scope === 'full' ? 'every check' : 'a ping over every tunnel';
      return loud(paint('strong', `Proof: ${plural(event.pairs, 'pair')}, ${how}`));
    }
    case 'probe': {
      const ms = event.ms === undefined ? '' : ` ${event.ms.toFixed(2)} ms`;
      const detail = event.detail === undefined ? '' : `: ${clean(event.detail)}`;
      const text = `${clean(event.from)} ${symbols.arrow} ${clean(event.to)} ${event.check}: ${event.state}${ms}${detail}`;
      if (event.state === 'fail') return [said('bad', symbols.failed, text)];
      return detailed(event.state === 'pass' ? said('good', symbols.done, text) : said('warn', symbols.warning, text));
    }
    case 'proof.ended': {
      const all = event.passed === event.pairs;
      const without = withoutContainers(event.withoutContainers ?? 0, event.passed);
      const text = `Proof: ${event.passed} of ${plural(event.pairs, 'pair')} pass${without}, ${duration(event.durationMs)}`;
      if (all && without !== '') return [said('warn', symbols.warning, text)];
      return all ? loud(said('good', symbols.done, text)) : [said('bad', symbols.failed, text)];
    }
    case 'message': {
      if (event.level === 'debug' && !verbose) return [];
      const [tone, mark] = MARKS[event.level];
      const bad = event.level === 'warn' || event.level === 'error';
      const text = cleanLines(event.text).join('\n  ');
      const line = said(tone, symbols[mark], event.host === undefined ? text : on(event.host, text));
      return bad ? [line] : loud(line);
    }
    case 'stopping':
      return [said('warn', symbols.warning, `Stopping: ${clean(event.reason)}`)];
    case 'run.ended':
      return model.plan || verbose ? [] : model.findings.flatMap((finding) => findingLines(finding, quiet, style));
  }
}

const BAD: ReadonlySet<HostState> = new Set(['failed', 'refused', 'unreachable', 'stopped']);
/** States that come and go without saying anything that a log's reader needs. */
const QUIET_STATES: ReadonlySet<HostState> = new Set([
  'queued',
  'connecting',
  'planned',
  'waiting',
  'applying',
  'proving',
]);

const STATES: Readonly<Record<HostState, string>> = {
  queued: 'queued',
  connecting: 'connecting',
  observing: 'looking at what is there',
  planned: 'planned',
  waiting: 'waiting',
  applying: 'applying',
  proving: 'proving its tunnels',
  done: 'done',
  failed: 'failed',
  refused: 'refused',
  unreachable: 'unreachable',
  stopped: 'stopped',
};

const MARKS = {
  info: ['dim', 'dot'],
  debug: ['dim', 'dot'],
  warn: ['warn', 'warning'],
  error: ['bad', 'failed'],
} as const;

function stepLines(event: Extract<Event, { kind: 'step.ended' }>, { verbose, quiet, style }: Wanted): string[] {
  const { symbols, paint } = style;
  const at = `[${event.step}/${event.of}]`;
  const text = `${paint('strong', clean(event.host))}: ${at} ${clean(event.sentence)}`;
  const took = duration(event.durationMs);
  switch (event.state) {
    case 'done':
      return quiet ? [] : [`${paint('good', symbols.done)} ${text} ${paint('dim', `(${took})`)}`];
    case 'unneeded':
      return verbose && !quiet ? [`${paint('dim', symbols.dot)} ${text} ${paint('dim', '(not needed)')}`] : [];
    case 'stopped':
      return [`${paint('warn', symbols.stopped)} ${text} was not begun: the run was stopped`];
    case 'lost':
      return [`${paint('bad', symbols.failed)} ${text}: the connection was lost and its end is not known`];
    case 'failed': {
      const code = event.exitCode === undefined ? 'failed' : `failed with exit code ${event.exitCode}`;
      const output = event.output === undefined ? [] : cleanLines(event.output).slice(-20);
      return [
        `${paint('bad', symbols.failed)} ${text}: ${code} ${paint('dim', `(${took})`)}`,
        ...commandLines(event.command, verbose),
        ...output.map((line) => `    ${symbols.pipe} ${line}`),
      ];
    }
  }
}

function transferLines(event: Extract<Event, { kind: 'transfer' }>, { verbose, quiet, style }: Wanted): string[] {
  const { symbols, paint } = style;
  const way = event.via === 'laptop' && event.from !== 'the laptop' ? `${event.from} through the laptop` : event.from;
  const gets = `${paint('strong', clean(event.host))} gets ${clean(event.file)} from ${clean(way)}`;
  const detail = event.detail === undefined ? '' : `: ${clean(event.detail)}`;
  switch (event.state) {
    case 'started':
      return verbose && !quiet ? [`${paint('dim', symbols.dot)} ${gets} ...`] : [];
    case 'running':
      return [];
    case 'done': {
      const rate = event.durationMs > 0 ? `, ${bytes(Math.round((event.of * 1000) / event.durationMs))}/s` : '';
      return quiet
        ? []
        : [`${paint('good', symbols.done)} ${gets}, ${bytes(event.of)}${detail === '' ? rate : detail}`];
    }
    case 'broken':
      return quiet ? [] : [`${paint('warn', symbols.warning)} ${gets}, which broke off${detail}; trying another way`];
    case 'failed':
      return [`${paint('bad', symbols.failed)} ${gets}, which failed${detail}`];
  }
}

const COMMAND_LINES = 8;

function commandLines(command: string | undefined, whole: boolean): string[] {
  if (command === undefined) return [];
  const lines = cleanLines(command);
  const shown = whole ? lines : lines.slice(0, COMMAND_LINES);
  const more = lines.length - shown.length;
  return [
    ...shown.map((line, i) => `    ${i === 0 ? '$' : ' '} ${line}`),
    ...(more > 0 ? [`      (${plural(more, 'more line')})`] : []),
  ];
}

function findingLines(finding: Finding, quiet: boolean, { symbols, paint }: Style): string[] {
  const refuse = finding.severity === 'refuse';
  if (finding.severity === 'note' || (quiet && !refuse)) return [];
  const mark = refuse ? paint('bad', symbols.failed) : paint('warn', symbols.warning);
  const host = finding.host === undefined ? '' : `${paint('strong', clean(finding.host))}: `;
  const fix = finding.fix === undefined ? [] : [`  ${symbols.arrow} ${clean(finding.fix)}`];
  return [`${mark} ${host}${clean(finding.sentence)}`, ...fix];
}
