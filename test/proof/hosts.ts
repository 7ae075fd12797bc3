import type { ProofHost } from '../../src/proof/types.js';

/** A host of a proof with tunnels to these peers. */
export function proofHost(number: number, peers: readonly number[], changes: Partial<ProofHost> = {}): ProofHost {
  return {
    host: `docker${number}`,
    bridge: 'br0',
    dockerBridge: 'docker0',
    address: `172.17.${number}.1`,
    mtu: 1462,
    tunnels: peers.map((peer) => ({ peer: `docker${peer}`, port: `gre-docker${peer}`, remote: `192.168.199.${peer}` })),
    ...changes,
  };
}
