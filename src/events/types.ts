/** The version of the event union below. A change that could break a reader raises it. */
export const EVENT_VERSION = 1;

/** What every event carries. `sequence` counts from 1 without gaps within a run. */
export interface Stamp {
  readonly version: typeof EVENT_VERSION;
  readonly run: string;
  readonly sequence: number;
  /** RFC 3339, UTC, milliseconds, by the laptop's clock. */
  readonly time: string;
}

export type HostState =
  | 'queued'
  | 'connecting'
  | 'observing'
  | 'planned'
  | 'waiting'
  | 'applying'
  | 'proving'
  | 'done'
  | 'failed'
  | 'refused'
  | 'unreachable'
  | 'stopped';

export type StepState = 'done' | 'failed' | 'unneeded' | 'stopped' | 'lost';

export type ProbeCheck =
  | 'tunnel ping'
  | 'docker0 ping'
  | 'docker0 tcp'
  | 'container ping'
  | 'full-size DF'
  | 'counters';

export type ProbeState = 'pass' | 'fail' | 'not measured';

export type FindingSeverity = 'refuse' | 'warn' | 'note';

/** One thing that was found out about a host (or, without `host`, about the mesh) before or after a change. */
export interface Finding {
  readonly host?: string;
  /** A short stable name for programs: `docker-flag-conflict`. */
  readonly code: string;
  /** `refuse`: nothing is changed on that host. */
  readonly severity: FindingSeverity;
  readonly sentence: string;
  readonly fix?: string;
}

/** What a host is in at the end of a run. */
export interface HostSummary {
  readonly host: string;
  readonly state: HostState;
  /** Changes done in this run. */
  readonly changed: number;
  /** Changes that were planned and did not run. */
  readonly left: number;
  /** What went wrong: the sentence, the command that failed, and the last lines that it wrote. */
  readonly error?: { readonly message: string; readonly command?: string; readonly output?: string };
  /** What to type next. */
  readonly next?: string;
}

export type EventBody =
  | {
      readonly kind: 'run.started';
      readonly command: string;
      readonly inventory: string;
      readonly hosts: readonly string[];
    }
  | { readonly kind: 'host.state'; readonly host: string; readonly state: HostState; readonly detail?: string }
  | ({ readonly kind: 'finding' } & Finding)
  | {
      readonly kind: 'plan.ready';
      readonly changes: number;
      readonly hosts: readonly { readonly host: string; readonly changes: number }[];
    }
  | {
      readonly kind: 'play.started';
      readonly play: string;
      /** Counts from 1. */
      readonly index: number;
      readonly of: number;
      readonly hosts: readonly string[];
    }
  | { readonly kind: 'play.ended'; readonly play: string; readonly index: number; readonly durationMs: number }
  | {
      readonly kind: 'step.started';
      readonly host: string;
      readonly play: string;
      readonly task: string;
      /** Counts from 1 within the host's play. */
      readonly step: number;
      readonly of: number;
      readonly sentence: string;
    }
  | { readonly kind: 'step.output'; readonly host: string; readonly step: number; readonly line: string }
  | {
      readonly kind: 'step.ended';
      readonly host: string;
      readonly play: string;
      readonly task: string;
      readonly step: number;
      readonly of: number;
      readonly sentence: string;
      readonly state: StepState;
      readonly exitCode?: number;
      readonly durationMs: number;
      /** For a failed step: the command and the last lines of its output. */
      readonly command?: string;
      readonly output?: string;
    }
  | {
      /** A file on its way to a host that needs it for a step. */
      readonly kind: 'transfer';
      readonly host: string;
      /** Its name, without folders. */
      readonly file: string;
      /** The host that it comes from, or `the laptop`. */
      readonly from: string;
      /** `direct`: from host to host. */
      readonly via: 'direct' | 'laptop';
      /** `broken`: it is tried in another way; `failed`: it is not. */
      readonly state: 'started' | 'running' | 'done' | 'broken' | 'failed';
      readonly bytes: number;
      /** The file's size. */
      readonly of: number;
      readonly durationMs: number;
      readonly detail?: string;
    }
  | { readonly kind: 'waiting'; readonly host: string; readonly detail: string }
  | { readonly kind: 'proof.started'; readonly scope: 'tunnels' | 'full'; readonly pairs: number }
  | {
      readonly kind: 'probe';
      readonly from: string;
      readonly to: string;
      readonly check: ProbeCheck;
      readonly state: ProbeState;
      /** Round-trip time in milliseconds, where the check has one. */
      readonly ms?: number;
      readonly detail?: string;
      /** Not measured because the host cannot do this check, for the reason in `detail`: a pair can pass without it. */
      readonly excused?: true;
    }
  | {
      readonly kind: 'proof.ended';
      readonly pairs: number;
      readonly passed: number;
      /** Of those that passed: the pairs of which no container was tried, as Docker runs none. Left out where 0. */
      readonly withoutContainers?: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: 'message';
      readonly level: 'info' | 'warn' | 'error' | 'debug';
      readonly host?: string;
      readonly text: string;
    }
  | { readonly kind: 'stopping'; readonly reason: string }
  | {
      readonly kind: 'run.ended';
      readonly exitCode: number;
      readonly changed: number;
      readonly durationMs: number;
      readonly hosts: readonly HostSummary[];
    };

export type Event = Stamp & EventBody;

/** Where the engine puts events. The stream stamps them. */
export type Emit = (body: EventBody) => void;
