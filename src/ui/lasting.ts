import type { Event, Finding } from '../events/types.js';
import { layout, type Row, type Span, type View } from './rows.js';
import { clean, duration, names, plural, runTitle, withoutContainers } from './text.js';
import type { Model } from './view-model.js';

type Frame = Pick<View, 'columns' | 'symbols'>;

/**
 * The lines that an event leaves on the screen for good, above what is drawn anew: what the run is, each play that
 * ended, the proof, warnings. `model` is the model after the event. What the end of a run says of each host is not here.
 */
export function lastingRows(model: Model, event: Event, frame: Frame): Row[] {
  const { symbols } = frame;
  const done: Span = { text: symbols.done, tone: 'good' };
  const failed: Span = { text: symbols.failed, tone: 'bad' };
  const warning: Span = { text: symbols.warning, tone: 'warn' };
  switch (event.kind) {
    case 'run.started': {
      const { command, rest } = runTitle(event.command, event.inventory, event.hosts.length);
      const spans: Span[] = [
        { text: command, tone: 'strong' },
        { text: `  ${rest.join(` ${symbols.dot} `)}`, tone: 'dim' },
      ];
      return [layout(frame, 0, { text: '', tone: 'plain' }, spans)];
    }
    case 'plan.ready': {
      const reached = event.hosts.length;
      const missing = model.hosts.size - reached;
      const text = `Looked at ${missing > 0 ? `${reached} of ` : ''}${plural(Math.max(model.hosts.size, reached), 'host')}`;
      const hosts = event.hosts.filter((host) => host.changes > 0).length;
      const aside =
        reached === 0 && missing > 0
          ? ''
          : event.changes === 0
            ? 'nothing to change'
            : `${plural(event.changes, 'change')} on ${plural(hosts, 'host')}`;
      const spans: Span[] = [{ text, tone: 'plain' }];
      return [layout(frame, 0, missing > 0 ? warning : done, spans, aside, duration(model.latest - model.startedAt))];
    }
    case 'play.ended': {
      const play = model.plays.findLast((view) => view.index === event.index && view.play === event.play);
      const broken = play?.failed ?? [];
      const spans: Span[] = [
        { text: play ? `Play ${play.index}/${play.of}  ` : 'Play  ', tone: 'dim' },
        { text: clean(event.play), tone: 'plain' },
      ];
      if (broken.length > 0) spans.push({ text: `  failed on ${names(broken, 3)}`, tone: 'bad' });
      const aside = play ? `${plural(play.changed, 'change')} on ${plural(play.hosts.length, 'host')}` : '';
      return [layout(frame, 0, broken.length > 0 ? failed : done, spans, aside, duration(event.durationMs))];
    }
    case 'proof.ended': {
      const all = event.passed === event.pairs;
      const without = withoutContainers(event.withoutContainers ?? 0, event.passed);
      const text = all ? `Proof: all ${plural(event.pairs, 'pair')} pass${without}` : 'Proof';
      const bad = `  ${event.pairs - event.passed} of ${plural(event.pairs, 'pair')} not proven`;
      const spans: Span[] = [{ text, tone: 'plain' }, ...(all ? [] : [{ text: bad, tone: 'bad' } as const])];
      return [
        layout(frame, 0, all ? (without === '' ? done : warning) : failed, spans, '', duration(event.durationMs)),
      ];
    }
    case 'finding':
      // Until there is a plan, findings are part of it and are read there.
      return model.plan ? findingRows(event, frame) : [];
    case 'message': {
      const { level } = event;
      if (level === 'debug') return [];
      const mark = { info: { text: symbols.dot, tone: 'dim' } as const, warn: warning, error: failed }[level];
      const host: Span[] = event.host === undefined ? [] : [{ text: `${clean(event.host)}  `, tone: 'strong' }];
      const tone = level === 'info' ? 'dim' : 'plain';
      return event.text
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line, i) =>
          layout(frame, i === 0 ? 0 : 2, i === 0 ? mark : blank, [...host, { text: clean(line), tone }]),
        );
    }
    case 'stopping': {
      const text = `Stopping: ${clean(event.reason)}`;
      return [layout(frame, 0, warning, [{ text, tone: 'warn' }])];
    }
    case 'run.ended':
      return model.plan ? [] : model.findings.flatMap((finding) => findingRows(finding, frame));
    default:
      return [];
  }
}

const blank: Span = { text: '', tone: 'plain' };

function findingRows(finding: Finding, frame: Frame): Row[] {
  if (finding.severity === 'note') return [];
  const refuse = finding.severity === 'refuse';
  const mark: Span = refuse
    ? { text: frame.symbols.failed, tone: 'bad' }
    : { text: frame.symbols.warning, tone: 'warn' };
  const host: Span[] = finding.host === undefined ? [] : [{ text: `${clean(finding.host)}  `, tone: 'strong' }];
  const first = layout(frame, 0, mark, [...host, { text: clean(finding.sentence), tone: 'plain' }]);
  if (finding.fix === undefined) return [first];
  return [
    first,
    layout(frame, 2, { text: frame.symbols.arrow, tone: 'dim' }, [{ text: clean(finding.fix), tone: 'dim' }]),
  ];
}
