/** What the lab is doing now. A reader may draw it as it likes; nothing waits for it. */
export interface LabProgress {
  /** The host it is about; without one, the lab as a whole. */
  readonly host?: string;
  readonly phase: 'machine' | 'lock' | 'download' | 'root' | 'network' | 'boot' | 'ready' | 'off' | 'remove';
  /** One line for people, without a full stop. */
  readonly detail: string;
  /** 0 … 1 of the phase, where it is known. */
  readonly fraction?: number;
}

export type OnProgress = (event: LabProgress) => void;
