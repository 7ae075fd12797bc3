import type { Fault, Position } from '../errors.js';

/** A value as YAML gives it. A secret is kept apart from plain text so that no printer meets it by accident. */
export type Value = null | boolean | number | string | Secret | readonly Value[] | { readonly [key: string]: Value };

/** A value that must never be shown. `reveal` is called by src/ssh alone. */
export interface Secret {
  readonly secret: true;
  /** Where it comes from, for people: `$BECOME_PASSWORD`, `the output of pass show lab`. */
  readonly origin: string;
  reveal(): Promise<string>;
}

/** Where a variable's value was set. */
export interface Origin {
  /** `host docker41`, `group mesh`, `host_vars/docker41.yml`, `default`, `--extra-vars`. */
  readonly scope: string;
  /** Where the value starts. */
  readonly at?: Position;
  /** Where the variable's name stands. */
  readonly keyAt?: Position;
}

export interface Variable {
  readonly value: Value;
  readonly origin: Origin;
  /** Tagged `!unsafe`: the text is never a template. */
  readonly unsafe?: true;
}

export interface Host {
  readonly name: string;
  readonly at: Position;
  /** Every group that the host is in, directly or not, without `all`, sorted. */
  readonly groups: readonly string[];
  /** All variables after precedence; templates in values are not evaluated here. */
  readonly vars: ReadonlyMap<string, Variable>;
  readonly connection: Connection;
  readonly mesh: MeshSettings;
}

export interface Group {
  readonly name: string;
  /** Direct members, in the order of the file. */
  readonly hosts: readonly string[];
  readonly children: readonly string[];
  readonly vars: ReadonlyMap<string, Variable>;
}

export interface Inventory {
  /** The file as it was named. */
  readonly file: string;
  readonly hosts: readonly Host[];
  readonly groups: ReadonlyMap<string, Group>;
  /** Names of the hosts that are meshed: the group `mesh` if there is one, else all. */
  readonly meshed: readonly string[];
  /** Names of the hosts that `--limit` leaves, in the order of `hosts`; all where there is no limit. */
  readonly selected: readonly string[];
  /** What was read but does not mean what its writer may believe; nothing here stops a run. */
  readonly warnings: readonly Fault[];
}

/** How SSH reaches a host. What the inventory leaves open is undefined here and resolved by src/ssh (`ssh -G`, then defaults). */
export interface Connection {
  readonly host: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: Secret;
  readonly keyFile?: string;
  /** Jump hosts in order, each `[user@]host[:port]`. */
  readonly proxyJump: readonly string[];
  /** From ansible_ssh_common_args/extra_args: `-o UserKnownHostsFile=…`, in order. Only options that mesh honours. */
  readonly knownHostsFiles: readonly string[];
  readonly become: { readonly enabled: boolean; readonly user: string; readonly password?: Secret };
}

export type TunnelType = 'gre' | 'vxlan' | 'geneve';

/** The `mesh_*` variables of one host after defaults. `undefined` means: to be computed. */
export interface MeshSettings {
  readonly cidr: string;
  readonly slice?: string;
  readonly slicePrefix: number;
  /** An address or a name as written; names are resolved once, before planning. Default: ansible_host. */
  readonly underlayAddress: string;
  readonly addressing: 'flat' | 'routed';
  readonly tunnelType: TunnelType;
  readonly tunnelKey?: number;
  readonly bridge: string;
  readonly dockerBridge: string;
  readonly mtu?: number;
  readonly datapath: 'system' | 'netdev';
  readonly topology: 'full';
  readonly adopt: boolean;
  /** Containers of other hosts may reach what runs on this host itself, at its address on Docker's bridge. */
  readonly openHosts: boolean;
  readonly ovsSource: 'auto' | 'distro' | 'build' | 'file';
  readonly ovsVersion?: string;
  /** Where the source is: a URL, or a path on this machine (relative ones from the inventory's folder). */
  readonly ovsUrl?: string;
  readonly ovsSha256?: string;
  /** RPMs for `ovsSource: file`: paths on this machine, relative ones from the inventory's folder. */
  readonly ovsFiles: readonly string[];
  /** An older Open vSwitch may take the place of a newer one. */
  readonly ovsDowngrade: boolean;
  /** The host that builds for the hosts of its kind. */
  readonly builder?: string;
}
