import type { Connection as ConnectionSettings } from '../inventory/types.js';

export type FailureKind =
  | 'dns'
  | 'refused'
  | 'timeout'
  | 'unreachable'
  | 'host-key'
  | 'auth'
  | 'sudo'
  | 'lost'
  | 'config';

/** Why a host cannot be worked with: a kind for programs and one sentence for people that says what to check. */
export class ConnectionFailure extends Error {
  constructor(
    readonly host: string,
    readonly kind: FailureKind,
    message: string,
    /** What to type or look at next. */
    readonly advice?: string,
  ) {
    super(message);
    this.name = 'ConnectionFailure';
  }

  /** The message without the host's name before it: for places that name the host themselves. */
  get reason(): string {
    const lead = `${this.host}: `;
    return this.message.startsWith(lead) ? this.message.slice(lead.length) : this.message;
  }
}

/** How a remote command ended. `lost`: the connection went away first; nothing is known of the command. */
export type Outcome =
  | { readonly kind: 'exited'; readonly code: number; readonly stdout: Buffer; readonly stderr: Buffer }
  | { readonly kind: 'signalled'; readonly signal: string; readonly stdout: Buffer; readonly stderr: Buffer }
  | { readonly kind: 'lost'; readonly reason: string; readonly stdout: Buffer; readonly stderr: Buffer };

export interface ExecOptions {
  /**
   * A POSIX-sh script, run in place of `command` by `sh`. It is sent on stdin, starts only when it is there completely,
   * and reads nothing from stdin itself.
   */
  readonly script?: string;
  /** Bytes for the command's stdin (only with a command). */
  readonly stdin?: Buffer | NodeJS.ReadableStream;
  /** Keep stdin open after `stdin` until `signal` aborts or the command ends. */
  readonly holdStdin?: boolean;
  /** Run as the host's become user (root) when the inventory says become; default true. */
  readonly privileged?: boolean;
  /**
   * Called with every piece as it comes; the pieces are then not collected into the outcome. Nothing more is read from the
   * host until a promise that it returns has settled.
   */
  readonly onStdout?: (chunk: Buffer) => unknown;
  readonly onStderr?: (chunk: Buffer) => void;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** One authenticated connection to one host. */
export interface Connection {
  readonly host: string;
  /** Channels opened so far: each costs one round trip. A test counts them. */
  readonly channels: number;
  /** `user@address:port`, for people. */
  readonly peer: string;
  /**
   * Runs `command` (a shell command line made by `quote`), or with `script` a whole program.
   * Never rejects for what the command does; rejects with ConnectionFailure kind 'sudo', 'timeout' or, where the account
   * or its sshd runs no commands at all, 'config'. A connection that breaks, and a `signal`, are the outcome `lost`.
   * What the login shell's start-up files and sudo print before the command starts is not in the output.
   */
  exec(command: string, options?: ExecOptions): Promise<Outcome>;
  /** Writes bytes to a file: temporary name, sha256 checked, mode (0644), then renamed. Rejects with TransferFailure. */
  upload(content: Buffer | NodeJS.ReadableStream, path: string, options?: { mode?: number }): Promise<void>;
  /** Settles when the connection is gone, however that came. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/** What a person is asked. Answers come from the caller: the transport never reads a terminal itself. */
export interface Questions {
  /** An unknown host key: true to trust and record it. */
  hostKey(question: HostKeyQuestion): Promise<boolean>;
  /** A secret (key passphrase, password, sudo password); undefined: there is nobody to ask. */
  secret(prompt: string): Promise<string | undefined>;
}

export interface HostKeyQuestion {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly keyType: string;
  /** `SHA256:…`, as ssh-keygen -l prints it. */
  readonly fingerprint: string;
  readonly file: string;
}

export interface TransportOptions {
  readonly questions: Questions;
  /** Record unknown host keys without asking. */
  readonly acceptNew: boolean;
  /** Connection starts at the same time. */
  readonly forks: number;
  /** Ask once for the sudo password. */
  readonly askBecomePass: boolean;
  readonly connectTimeoutMs?: number;
  readonly keepaliveIntervalMs?: number;
  readonly signal?: AbortSignal;
}

export interface Transport {
  /** Connects and authenticates. Rejects with ConnectionFailure only. */
  connect(host: string, settings: ConnectionSettings): Promise<Connection>;
  /** Closes every connection that is still open. */
  close(): Promise<void>;
}
