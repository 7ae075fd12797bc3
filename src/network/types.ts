import type { TunnelType } from '../inventory/types.js';
import type { OvsOrigin } from './openvswitch/types.js';

/** One end of a tunnel as a host shall have it. */
export interface Tunnel {
  /** The port's name: at most 15 characters, unique on the host, the same at every run. */
  readonly name: string;
  readonly type: TunnelType;
  readonly peer: string;
  readonly remote_ip: string;
  readonly local_ip: string;
  readonly key: number | null;
  /** `wanted`; `waiting`: the peer cannot be reached, or was refused: neither made nor removed. */
  readonly state: 'wanted' | 'waiting';
}

/** What a host needs to try out whether tunnel packets pass between it and peers to which there is no tunnel yet. */
export interface TunnelProbe {
  readonly type: TunnelType;
  readonly key: number;
  readonly local_ip: string;
  /** Its own address on the temporary bridge. */
  readonly address: string;
  /** Bytes of the largest IP packet that a probe's tunnel shall carry: as much on the underlay as a full one of the mesh. */
  readonly mtu: number;
  readonly datapath: 'system' | 'netdev';
  readonly peers: readonly { readonly peer: string; readonly remote_ip: string; readonly address: string }[];
}

/** What templates see as `mesh`: this host's part of the network. Names are those that users write in playbooks. */
export interface MeshVariables {
  readonly cidr: string;
  /** `172.17.41.0/24` */
  readonly slice: string;
  /** docker0's address without prefix: `172.17.41.1` */
  readonly address: string;
  /** docker0's address with prefix: flat `172.17.41.1/16`, routed `172.17.41.1/24`. */
  readonly bip: string;
  /** flat: the slice; routed: null. */
  readonly fixed_cidr: string | null;
  readonly mtu: number;
  readonly addressing: 'flat' | 'routed';
  readonly datapath: 'system' | 'netdev';
  readonly bridge: string;
  readonly docker_bridge: string;
  readonly underlay_address: string;
  readonly underlay_link: string | null;
  readonly tunnel_type: TunnelType;
  readonly tunnels: readonly Tunnel[];
  readonly probe: TunnelProbe;
  readonly adopt: boolean;
  /** Where Open vSwitch comes from here, and what this host builds. */
  readonly ovs: OvsOrigin;
  /** Packages and services that bring Open vSwitch and Docker here; empty where they come from elsewhere. */
  readonly ovs_packages: readonly string[];
  readonly ovs_service: string;
  readonly docker_packages: readonly string[];
  readonly docker_service: string;
  /** Whole desired sets. */
  readonly flows: readonly string[];
  readonly routes: readonly { readonly to: string; readonly link: string }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly firewall: readonly FirewallRule[];
  /** The script that puts back what neither Docker nor Open vSwitch keep, and the unit that runs it. */
  readonly restore_script: string;
  readonly restore_unit: string;
}

/** One iptables rule that mesh owns; the resource adds the comment that marks it. */
export interface FirewallRule {
  readonly table: 'filter' | 'raw' | 'nat' | 'mangle';
  readonly chain: string;
  /** Words after the chain: `['-p','47','-s','192.168.199.42','-j','ACCEPT']`. */
  readonly rule: readonly string[];
  readonly position: 'first' | 'last';
}
