import { bridgeMember } from './bridge-member.js';
import { command } from './command.js';
import { type Defined, define } from './define.js';
import { dockerDaemon } from './docker-daemon.js';
import { file } from './file.js';
import { iptablesRules } from './iptables-rules.js';
import { link } from './link.js';
import { meshRecord } from './mesh-record.js';
import { ovsBridge } from './ovs-bridge.js';
import { ovsFlows } from './ovs-flows.js';
import { ovsTunnels } from './ovs-tunnels.js';
import { packages } from './package.js';
import { routes } from './routes.js';
import { rpmBuild } from './rpm-build.js';
import { rpmInstall } from './rpm-install.js';
import { service } from './service.js';
import { sysctl } from './sysctl.js';
import { systemdUnit } from './systemd-unit.js';
import { tunnelProbe } from './tunnel-probe.js';

export type { Defined, ParamIssue } from './define.js';

const all: readonly Defined[] = [
  define(packages),
  define(rpmBuild),
  define(rpmInstall),
  define(service),
  define(dockerDaemon),
  define(ovsBridge),
  define(ovsTunnels),
  define(ovsFlows),
  define(tunnelProbe),
  define(bridgeMember),
  define(link),
  define(routes),
  define(sysctl),
  define(iptablesRules),
  define(file),
  define(systemdUnit),
  define(command),
  define(meshRecord),
];

/** Every resource by its type: the words by which a playbook's tasks name what they are about. */
export const resources: ReadonlyMap<string, Defined> = new Map(all.map((one) => [one.type, one]));
