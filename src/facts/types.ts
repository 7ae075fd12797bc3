/** A fact that was read, or the reason why it could not be. What could not be read is never taken for absent. */
export type Fact<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

/** What the observe script is asked to look at beside what it always reads. All pure text, decided before facts exist. */
export interface Interests {
  readonly packages: readonly string[];
  readonly services: readonly string[];
  /** Absolute paths whose kind, mode, owner and content are read (contents above 256 KiB: only sha256). */
  readonly files: readonly string[];
  /** Dotted names: `net.ipv4.conf.all.send_redirects`. */
  readonly sysctls: readonly string[];
  /** Commands whose exit code is wanted; they must not change anything. Keyed by the text itself. */
  readonly checks: readonly string[];
  /** Open vSwitch bridges whose flows are read beside those that mesh marked; the flows of the others are unknown. */
  readonly bridges: readonly string[];
}

export interface HostFacts {
  readonly host: string;
  /** Round trip and duration of the observation on the host, milliseconds. */
  readonly tookMs: number;
  readonly system: Fact<SystemFacts>;
  readonly links: Fact<readonly Link[]>;
  readonly addresses: Fact<readonly Address[]>;
  readonly routes: Fact<readonly Route[]>;
  readonly openvswitch: Fact<OpenvSwitchFacts>;
  readonly docker: Fact<DockerFacts>;
  readonly iptables: Fact<IptablesFacts>;
  /** By name as asked; `null`: not installed. */
  readonly packages: Readonly<Record<string, Fact<PackageFact>>>;
  readonly services: Readonly<Record<string, Fact<ServiceFact>>>;
  readonly files: Readonly<Record<string, Fact<FileFact>>>;
  /** `null`: the kernel has no such setting (now). */
  readonly sysctls: Readonly<Record<string, Fact<string | null>>>;
  /** Exit codes of the checks, by the check's text. */
  readonly checks: Readonly<Record<string, Fact<number>>>;
  /** Where its Open vSwitch came from, and what was built here. */
  readonly packaging: Fact<PackagingFacts>;
  /** What earlier runs of mesh left on the host. */
  readonly mesh: Fact<MeshOnHost>;
}

export interface PackagingFacts {
  /** The RPM package that `ovs-vsctl` belongs to, as `VERSION-RELEASE`; null where there is none, and on hosts without rpm. */
  readonly openvswitch: { readonly name: string; readonly version: string } | null;
  /** SELinux is on, enforcing or not. */
  readonly selinux: boolean;
  /** Builds on this host by their keys. */
  readonly builds: Readonly<Record<string, BuildOnHost>>;
}

export interface BuildOnHost {
  /** The sha256 of the source, once it was fetched and checked. */
  readonly source: string | null;
  /** File name → sha256 of what was built; null until the build is finished. */
  readonly files: Readonly<Record<string, string>> | null;
}

export interface SystemFacts {
  readonly hostname: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly kernel: string;
  readonly architecture: string;
  /** os-release: `debian`, `['debian']`-like, `12`, `Debian GNU/Linux 12 (bookworm)`. */
  readonly osId: string;
  readonly osLike: readonly string[];
  readonly osVersion: string;
  readonly osName: string;
  readonly packageFormat: 'deb' | 'rpm' | 'unknown';
  readonly init: 'systemd' | 'other';
  /** Seconds since 1970 by the host's clock. */
  readonly clock: number;
  readonly uptimeSeconds: number;
  readonly memoryBytes: number;
  /** Free bytes on the file system of /var/lib. */
  readonly diskFreeBytes: number;
  /** Modules that the running kernel has, loaded, built in or loadable: of openvswitch, vport_gre, ip_gre, vport_vxlan, vport_geneve, br_netfilter. */
  readonly modules: readonly string[];
  /** The address by which the SSH client that looks is seen from here; null where it is not known. */
  readonly sshClient: string | null;
  /** Addresses of its name servers (resolv.conf(5)). */
  readonly nameservers: readonly string[];
  /** Of NetworkManager, systemd-networkd, firewalld, ufw, kubelet, k3s, k3s-agent: those that are active. */
  readonly actors: readonly string[];
}

export interface Link {
  readonly name: string;
  readonly index: number;
  readonly mac: string | null;
  readonly mtu: number;
  readonly up: boolean;
  /** The bridge (or bond) that it is a port of. */
  readonly master: string | null;
  /** bridge, veth, tun, openvswitch, … or null for a device without a kind. */
  readonly kind: string | null;
}

export interface Address {
  readonly link: string;
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: number;
  readonly scope: string;
}

export interface Route {
  /** `default` or a CIDR. */
  readonly to: string;
  readonly via: string | null;
  readonly link: string | null;
  readonly source: string | null;
  readonly protocol: string | null;
  readonly metric: number | null;
}

export interface OpenvSwitchFacts {
  readonly installed: boolean;
  /** ovsdb-server answers and ovs-vswitchd lives. */
  readonly running: boolean;
  readonly version: string | null;
  /** Empty where ovsdb-server is stopped: what its database holds is then not known. */
  readonly bridges: readonly OvsBridge[];
}

export interface OvsBridge {
  readonly name: string;
  readonly datapath: 'system' | 'netdev';
  readonly failMode: string | null;
  readonly controllers: readonly string[];
  readonly protocols: readonly string[];
  readonly stp: boolean;
  readonly rstp: boolean;
  readonly externalIds: Readonly<Record<string, string>>;
  readonly otherConfig: Readonly<Record<string, string>>;
  readonly ports: readonly OvsPort[];
  /** `ovs-ofctl dump-flows` without counters, sorted; unknown where the bridge cannot be asked. */
  readonly flows: Fact<readonly string[]>;
}

export interface OvsPort {
  readonly name: string;
  readonly protected: boolean;
  readonly tag: number | null;
  readonly externalIds: Readonly<Record<string, string>>;
  readonly interfaces: readonly OvsInterface[];
}

export interface OvsInterface {
  readonly name: string;
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  readonly mtuRequest: number | null;
  readonly error: string | null;
  readonly externalIds: Readonly<Record<string, string>>;
}

export interface DockerFacts {
  readonly installed: boolean;
  /** dockerd answers. */
  readonly running: boolean;
  readonly version: string | null;
  /** dockerd's own command line, one element a word. */
  readonly flags: readonly string[];
  /** Where the client or dockerd come from when mesh cannot handle it. */
  readonly flavour: 'engine' | 'snap' | 'rootless' | 'podman' | 'desktop';
  readonly liveRestore: boolean;
  /** It is a node of a swarm, or was until it was locked. */
  readonly swarm: boolean;
  readonly networks: readonly DockerNetwork[];
  readonly containers: readonly Container[];
}

export interface DockerNetwork {
  readonly name: string;
  readonly driver: string;
  readonly subnets: readonly {
    readonly subnet: string;
    readonly gateway: string | null;
    readonly range: string | null;
  }[];
  /** `com.docker.network.bridge.name` and the like. */
  readonly options: Readonly<Record<string, string>>;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly running: boolean;
  /** `no`, `always`, `unless-stopped`, `on-failure`. */
  readonly restartPolicy: string;
  /** Started with `--rm`: it vanishes when it stops. */
  readonly autoRemove: boolean;
  /** `host`, `none`, `bridge`, `container:…` or a network's name. */
  readonly networkMode: string;
  readonly endpoints: readonly {
    readonly network: string;
    readonly address: string | null;
    readonly mac: string | null;
  }[];
}

export interface IptablesFacts {
  readonly installed: boolean;
  /** Policies as `filter/INPUT` → `ACCEPT`; a chain without one (not built in) is there with `-`. */
  readonly policies: Readonly<Record<string, string>>;
  /** Rules as iptables-save prints them, in order, with the table before: `filter -A INPUT …`. */
  readonly rules: readonly string[];
  /** A plan starts dockerd after this was looked at: chains of Docker's that are not in `policies` may be there by then. */
  readonly dockerStarts?: true;
}

export interface PackageFact {
  readonly installed: string | null;
  /** The version that the enabled repositories offer; null if none or not asked. */
  readonly candidate: string | null;
}

export interface ServiceFact {
  /** systemd's LoadState: loaded, not-found, masked. */
  readonly load: string;
  /** ActiveState: active, inactive, failed, activating. */
  readonly active: string;
  /** UnitFileState: enabled, disabled, static, generated … or empty. */
  readonly enabled: string;
}

export type FileFact =
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'file';
      /** Four octal digits: `0644`. */
      readonly mode: string;
      readonly owner: string;
      readonly group: string;
      readonly size: number;
      readonly sha256: string;
      /** Content as UTF-8 where it is valid UTF-8 and at most 256 KiB. */
      readonly content: string | null;
    }
  | { readonly kind: 'directory'; readonly mode: string; readonly owner: string; readonly group: string }
  | { readonly kind: 'other'; readonly what: string };

export interface MeshOnHost {
  /** Former values, written before the first change of an owned thing. By key; the value is JSON as the planner wrote it. */
  readonly records: Readonly<Record<string, unknown>>;
  /** The last run that began to apply here: `RUN WHO`, or null. Compared under the lock before a plan is run. */
  readonly lastRun: string | null;
  /** The lock as it was seen: who holds it, or null. */
  readonly lock: {
    readonly owner: string;
    readonly since: string;
    readonly what: string;
    /** One of its holders lives: the laptop's side, or a program that applies. */
    readonly alive: boolean;
    /** The laptop that took it is still connected. */
    readonly laptop: boolean;
    /** The program that works under it now; plays count from 0. */
    readonly program: { readonly run: string; readonly play: number } | null;
  } | null;
}
