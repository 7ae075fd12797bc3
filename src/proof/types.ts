/** One host as the proof sees it. */
export interface ProofHost {
  readonly host: string;
  /** The mesh's bridge and Docker's: `br0`, `docker0`. */
  readonly bridge: string;
  readonly dockerBridge: string;
  /** docker0's address, without prefix. */
  readonly address: string;
  /** Bytes of the largest IP packet inside the mesh. */
  readonly mtu: number;
  /** Its tunnel ports to the peers of this proof, and the underlay address at the other end of each. */
  readonly tunnels: readonly { readonly peer: string; readonly port: string; readonly remote: string }[];
}

/** One measurement from one host towards a peer. */
export interface Measurement {
  readonly peer: string;
  readonly check: 'tunnel ping' | 'docker0 ping' | 'docker0 tcp' | 'container ping' | 'full-size DF' | 'counters';
  readonly state: 'pass' | 'fail' | 'not measured';
  readonly ms?: number;
  readonly detail?: string;
  /** The host cannot do this check, for the reason in `detail`. */
  readonly excused?: true;
}

/** What a host offers to its peers while a full proof runs. */
export interface Responder {
  readonly host: string;
  /** The port on docker0's address that answers every connection with the token; null: why there is none. */
  readonly tcpPort: number | null;
  readonly tcpWhy: string;
  /** A real container's address on Docker's bridge, and the process that holds its network; null: why there is none. */
  readonly container: { readonly address: string; readonly pid: number } | null;
  readonly containerWhy: string;
  /** There is none because Docker said that it cannot run one: `containerWhy` is what it said. */
  readonly containerExcused: boolean;
}
