import type { HostSummary } from '../events/types.js';
import { withoutBodies } from '../resources/shell.js';
import type { Connection } from '../ssh/types.js';
import { type FollowContext, followPlay } from './follow.js';
import { type ProgramInput, startScript } from './program.js';
import { followProgress } from './progress.js';
import type { PlannedChange } from './types.js';

export interface Step {
  readonly task: string;
  readonly change: PlannedChange;
}

export interface PlayOnHost {
  readonly host: string;
  readonly playName: string;
  readonly program: ProgramInput;
  readonly steps: readonly Step[];
}

export interface PlayResult {
  /** `lost`: the connection is gone and could not be made again: the program may still run. */
  readonly state: 'done' | 'failed' | 'stopped' | 'lost';
  /** Steps that changed something. */
  readonly changed: number;
  /** Steps that ended well: those, and the ones that were not needed. */
  readonly passed: number;
  readonly error?: NonNullable<HostSummary['error']>;
}

/** Runs one play's program on one host and tells of every step as it happens. Never rejects. */
export async function applyPlay(connection: Connection, play: PlayOnHost, context: FollowContext): Promise<PlayResult> {
  const progress = followProgress({
    host: play.host,
    playName: play.playName,
    steps: play.steps.map(({ task, change: { sentence, command } }) => {
      return { task, sentence, command: withoutBodies(command) };
    }),
    emit: context.emit,
    now: context.now,
  });
  const { run, play: index } = play.program;
  const script = startScript(play.program);
  const end = await followPlay(connection, { host: play.host, run, play: index, script, progress }, context);
  const { state } = progress;
  const result = (of: PlayResult['state'], error?: HostSummary['error']): PlayResult => {
    return { state: of, changed: state.changed, passed: state.passed, ...(error && { error }) };
  };
  if (state.end) return result(state.end, state.error);
  progress.abandon();
  if (end.kind === 'lost') {
    const message = `the connection is gone and could not be made again (${end.reason}); the host goes on by itself`;
    return result('lost', { message });
  }
  if (end.kind === 'not started') {
    return result('failed', { message: `the program could not be put on the host: ${end.reason}` });
  }
  return result('failed', {
    message: state.gone
      ? 'the program on the host ended before its work was done (was it killed, or did the host go down?)'
      : 'the program could not be started',
  });
}
