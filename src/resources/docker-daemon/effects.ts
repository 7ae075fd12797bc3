import type { HostFacts } from '../../facts/types.js';
import { editDocker, removeLink, setBridgeAddresses, setFile, setService } from '../facts-edit-host.js';
import { withFormer } from '../former-file.js';
import { afterRestart } from './fates.js';
import type { DockerRecord } from './former.js';
import type { JsonObject } from './json-text.js';
import { bridgeNetwork, networkAfter, subnetOf, wantedNetwork } from './network.js';
import { RESTART_PENDING, settingsOf } from './restart.js';

/** The facts once dockerd runs with `merged`. */
export function afterRestartWith(facts: HostFacts, bridge: string, service: string, merged: JsonObject): HostFacts {
  const wanted = wantedNetwork(merged);
  const restarted = afterRestart(ended(facts), true);
  const configured = editDocker(restarted, (docker) => {
    const now = bridgeNetwork(docker, bridge);
    return {
      ...docker,
      liveRestore: merged['live-restore'] === true || docker.flags.includes('--live-restore'),
      networks: [networkAfter(now, wanted, bridge), ...docker.networks.filter((network) => network !== now)],
    };
  });
  const up = setService(configured, service, { load: 'loaded', active: 'active' });
  const { bip } = merged;
  return typeof bip === 'string' ? setBridgeAddresses(up, bridge, [bip], [subnetOf(bip)]) : up;
}

/** The facts once dockerd, its file and docker0 are what they were. */
export function afterReturn(
  facts: HostFacts,
  { path, bridge, service }: { readonly path: string; readonly bridge: string; readonly service: string },
  was: DockerRecord,
  start: boolean,
): HostFacts {
  const filed = ended(withFormer(facts, path, was.file));
  if (!facts.docker.known || !facts.docker.value.installed) return filed;
  const addressed = was.bridge
    ? setBridgeAddresses(filed, bridge, was.bridge.addresses, was.bridge.addresses.map(subnetOf))
    : start
      ? filed
      : removeLink(filed, bridge);
  if (!start) return addressed;
  const settings = settingsOf(was.file.kind === 'file' ? was.file.content : '') ?? {};
  const restarted = editDocker(afterRestart(addressed, true), (docker) => {
    const now = bridgeNetwork(docker, bridge);
    const subnet = was.network;
    const mtu = typeof settings.mtu === 'number' ? settings.mtu : 1500;
    const network = networkAfter(now, { subnet: undefined, gateway: undefined, range: undefined, mtu }, bridge);
    const networks = docker.networks.filter((one) => one !== now);
    return {
      ...docker,
      liveRestore: settings['live-restore'] === true,
      networks: [subnet ? { ...network, subnets: [{ ...subnet }] } : network, ...networks],
    };
  });
  return setService(restarted, service, { load: 'loaded', active: 'active' });
}

function ended(facts: HostFacts): HostFacts {
  return setFile(facts, RESTART_PENDING, { kind: 'absent' });
}
