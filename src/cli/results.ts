import type { Converged } from '../engine/converge.js';
import type { Plan } from '../engine/types.js';
import type { EventStream } from '../events/stream.js';
import type { Event } from '../events/types.js';
import { findingLines } from '../ui/findings.js';
import { renderPlan } from '../ui/plan.js';
import { renderProof } from '../ui/proof-table.js';
import { type Environment, styleFor } from '../ui/style.js';
import { renderSummary } from '../ui/summary.js';
import type { Mode } from './command-line.js';
import type { ApplyOptions } from './options.js';

type Options = Partial<ApplyOptions>;

/** What a proof says nothing about. */
function unproven(event: Event): event is Extract<Event, { kind: 'finding' }> {
  return event.kind === 'finding' && event.code === 'containers-elsewhere';
}

/** Width of a result where stdout is no terminal. */
const COLUMNS = 100;

interface Surroundings {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Environment;
  /** A person will be asked whether the plan is to be run. */
  readonly asks: boolean;
}

/** Prints what a command found: results go to stdout, as text or as one JSON document. */
export function printerFor(options: Options, { stdout, stderr, env, asks }: Surroundings) {
  const style = styleFor(env, stdout);
  // A terminal that nobody gave a size to has none.
  const columns = stdout.columns || COLUMNS;
  const text = options.output !== 'jsonl' && !options.json;
  const out = (part: string) => stdout.write(`${part}\n`);
  return {
    /** Keeps the events that the end is told from. */
    collect(stream: Pick<EventStream, 'subscribe'>): { events(): readonly Event[] } {
      const kept: Event[] = [];
      stream.subscribe((event) => {
        if (event.kind === 'probe' || event.kind === 'run.ended' || unproven(event)) kept.push(event);
      });
      return { events: () => kept };
    },
    plan(plan: Plan, mode: Mode): void {
      const wanted = text && (!options.quiet || mode === 'plan');
      // Nobody agrees to what they have not seen; stdout stays what was asked for.
      if (!wanted && !(asks && mode !== 'plan' && mode !== 'verify')) return;
      const { diff = false, commands = false } = options;
      const shown = mode === 'teardown' ? { slices: false, nothing: 'No changes. Nothing of mesh is there.' } : {};
      const shownText = renderPlan(plan, { diff, commands, columns, color: style.color, style, ...shown });
      (wanted ? stdout : stderr).write(`${shownText}\n\n`);
    },
    end(events: readonly Event[], done: Converged): void {
      const ended = events.find((event) => event.kind === 'run.ended');
      if (options.json) {
        const probes = events.filter((event) => event.kind === 'probe');
        out(JSON.stringify({ version: 1, plan: done.plan, probes, end: ended }, undefined, 2));
        return;
      }
      if (!text) return;
      const probes = events.flatMap((event) => (event.kind === 'probe' ? [event] : []));
      if (probes.length > 0 && !options.quiet) {
        out(`\n${renderProof(probes, { columns, style })}\n`);
        const notes = events.flatMap((event) => (unproven(event) ? findingLines(event, columns, style) : []));
        if (notes.length > 0) out(`${notes.join('\n')}\n`);
      } else if (done.applied && !options.quiet) out('');
      if (ended?.kind === 'run.ended') out(renderSummary(ended, { columns, style, quiet: options.quiet ?? false }));
    },
  };
}
