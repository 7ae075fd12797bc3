import * as z from 'zod';
import { good, known, linesOf, parseJson, type Sections, unknown } from './fact.js';
import type { Container, DockerFacts, DockerNetwork, Fact } from './types.js';

const infoSchema = z.object({
  ServerVersion: z.string(),
  LiveRestoreEnabled: z.boolean().default(false),
  OperatingSystem: z.string().default(''),
  SecurityOptions: z.array(z.string()).nullish(),
  DockerRootDir: z.string().default(''),
  /** Anything but `inactive` is a swarm: pending, active, error, locked (Docker's API, LocalNodeState). */
  Swarm: z.object({ LocalNodeState: z.string().default('') }).nullish(),
});

const networksSchema = z.array(
  z.object({
    Id: z.string(),
    Name: z.string(),
    Driver: z.string(),
    IPAM: z
      .object({
        Config: z
          .array(
            z.object({ Subnet: z.string().nullish(), Gateway: z.string().nullish(), IPRange: z.string().nullish() }),
          )
          .nullish(),
      })
      .nullish(),
    Options: z.record(z.string(), z.string()).nullish(),
  }),
);

const endpointsSchema = z
  .record(
    z.string(),
    z
      .object({ IPAddress: z.string().nullish(), MacAddress: z.string().nullish(), NetworkID: z.string().nullish() })
      .nullable(),
  )
  .nullish();

const listedSchema = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Image: z.string().default(''),
    State: z.string(),
    HostConfig: z.object({ NetworkMode: z.string().nullish() }).nullish(),
    NetworkSettings: z.object({ Networks: endpointsSchema }).nullish(),
  }),
);

const inspectedSchema = z.object({
  Id: z.string(),
  Names: z.string(),
  Image: z.string(),
  State: z.string(),
  NetworkMode: z.string(),
  Networks: endpointsSchema,
  RestartPolicy: z.string(),
  AutoRemove: z.boolean(),
});

const nothing: DockerFacts = {
  installed: false,
  running: false,
  version: null,
  flags: [],
  flavour: 'engine',
  liveRestore: false,
  swarm: false,
  networks: [],
  containers: [],
};

type Info = z.infer<typeof infoSchema>;
type Networks = z.infer<typeof networksSchema>;
interface Answers {
  readonly info: Info;
  readonly networks: Networks;
  readonly containers: readonly Container[];
}

export function parseDocker(sections: Sections): Fact<DockerFacts> {
  const status = sections.get('docker')?.status;
  if (status === 'absent') return known(nothing);
  if (status === 'stopped') return known({ ...nothing, installed: true });
  if (status === 'snap' || status === 'podman' || status === 'rootless') {
    return known({ ...nothing, installed: true, flavour: status });
  }
  const flags = good(sections, 'docker-flags', "dockerd's command line");
  if (!flags.known) return flags;
  const answers = sections.has('docker') ? readApi(sections) : readClient(sections);
  if (!answers.known) return answers;
  const { info, networks, containers } = answers.value;
  const words = flags.value.content.toString('utf8').replace(/\0$/, '').split('\0');
  return known({
    installed: true,
    running: true,
    version: info.ServerVersion,
    flags: words,
    flavour: flavourOf(info, words),
    liveRestore: info.LiveRestoreEnabled,
    swarm: !['', 'inactive'].includes(info.Swarm?.LocalNodeState ?? ''),
    networks: networks.map(readNetwork).sort((a, b) => (a.name < b.name ? -1 : 1)),
    containers: [...containers].sort((a, b) => (a.name < b.name ? -1 : 1)),
  });
}

function flavourOf(info: Info, words: readonly string[]): DockerFacts['flavour'] {
  if (words[0]?.startsWith('/snap/') || info.DockerRootDir.startsWith('/var/snap/')) return 'snap';
  if (info.SecurityOptions?.some((option) => option.includes('rootless'))) return 'rootless';
  return info.OperatingSystem.startsWith('Docker Desktop') ? 'desktop' : 'engine';
}

/** Each answer is one line of JSON, followed by the line of its HTTP status (RFC 9110, 15). */
function readApi(sections: Sections): Fact<Answers> {
  const section = good(sections, 'docker', 'dockerd');
  if (!section.known) return section;
  const bodies: string[] = [];
  let body = '';
  for (const line of section.value.content.toString('utf8').split('\n')) {
    const code = /^(.*?)([1-5]\d\d)$/s.exec(line);
    if (body === '' ? false : code?.[1] === '') {
      if (code?.[2] !== '200') return unknown(`dockerd answered with HTTP status ${code?.[2]} (${body.slice(0, 200)})`);
      bodies.push(body);
      body = '';
    } else body += line;
  }
  const info = infoSchema.safeParse(parseJson(bodies[0] ?? ''));
  const networks = networksSchema.safeParse(parseJson(bodies[1] ?? ''));
  const listed = listedSchema.safeParse(parseJson(bodies[2] ?? ''));
  if (!info.success) return misfit('about itself', info.error);
  if (!networks.success) return misfit('about its networks', networks.error);
  if (!listed.success) return misfit('about its containers', listed.error);
  const policies = readPolicies(sections);
  if (!policies.known) return policies;
  const containers = listed.data.flatMap((container): Container[] => {
    const policy = policies.value.get(container.Id);
    // One that went away between the two looks: gone is what it is now.
    if (!policy) return [];
    return [
      readContainer(networks.data, {
        ...container,
        ...policy,
        Names: container.Names?.find((name) => name.lastIndexOf('/') === 0) ?? container.Names?.[0] ?? '',
        NetworkMode: container.HostConfig?.NetworkMode ?? '',
        Networks: container.NetworkSettings?.Networks,
      }),
    ];
  });
  return known({ info: info.data, networks: networks.data, containers });
}

function misfit(about: string, error: z.ZodError): { readonly known: false; readonly why: string } {
  const issue = error.issues[0];
  return unknown(
    `what dockerd says ${about} was not understood: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
  );
}

interface Policy {
  readonly RestartPolicy: string;
  readonly AutoRemove: boolean;
}

function readPolicies(sections: Sections): Fact<ReadonlyMap<string, Policy>> {
  const section = good(sections, 'docker-policies', "the containers' restart policies", [0, 1, 2]);
  if (!section.known) return section;
  const policies = new Map<string, Policy>();
  for (const line of linesOf(section.value.content)) {
    const found = /\/containers\/([0-9a-f]+)\/hostconfig\.json:"(AutoRemove|RestartPolicy)":(.*)$/.exec(line);
    if (!found) continue;
    const [, id = '', field, value = ''] = found;
    const former = policies.get(id) ?? { RestartPolicy: '', AutoRemove: false };
    const name = /^\{"Name":"([a-z-]*)"$/.exec(value)?.[1] ?? '';
    policies.set(
      id,
      field === 'AutoRemove' ? { ...former, AutoRemove: value === 'true' } : { ...former, RestartPolicy: name },
    );
  }
  return known(policies);
}

function readClient(sections: Sections): Fact<Answers> {
  const info = good(sections, 'docker-info', 'dockerd');
  if (!info.known) return info;
  const networks = good(sections, 'docker-networks', "Docker's networks");
  if (!networks.known) return networks;
  const containers = good(sections, 'docker-containers', "Docker's containers");
  if (!containers.known) return containers;
  const parsedInfo = infoSchema.safeParse(parseJson(info.value.content.toString('utf8')));
  const parsedNetworks = networksSchema.safeParse(parseJson(networks.value.content.toString('utf8')));
  const parsed = z.array(inspectedSchema).safeParse(linesOf(containers.value.content).map(parseJson));
  if (!parsedInfo.success) return misfit('about itself', parsedInfo.error);
  if (!parsedNetworks.success) return misfit('about its networks', parsedNetworks.error);
  if (!parsed.success) return misfit('about its containers', parsed.error);
  return known({
    info: parsedInfo.data,
    networks: parsedNetworks.data,
    containers: parsed.data.map((container) => readContainer(parsedNetworks.data, container)),
  });
}

function readNetwork(network: Networks[number]): DockerNetwork {
  return {
    name: network.Name,
    driver: network.Driver,
    subnets: (network.IPAM?.Config ?? []).flatMap((config) =>
      config.Subnet ? [{ subnet: config.Subnet, gateway: config.Gateway || null, range: config.IPRange || null }] : [],
    ),
    options: network.Options ?? {},
  };
}

function readContainer(networks: Networks, container: z.infer<typeof inspectedSchema>): Container {
  const mode = container.NetworkMode;
  return {
    id: container.Id,
    name: container.Names.replace(/^\//, ''),
    image: container.Image,
    running: ['running', 'paused', 'restarting'].includes(container.State),
    restartPolicy: container.RestartPolicy || 'no',
    autoRemove: container.AutoRemove,
    networkMode:
      mode === 'default' || mode === '' ? 'bridge' : (networks.find((network) => network.Id === mode)?.Name ?? mode),
    endpoints: Object.entries(container.Networks ?? {}).map(([network, endpoint]) => ({
      network,
      address: endpoint?.IPAddress || null,
      mac: endpoint?.MacAddress || null,
    })),
  };
}
