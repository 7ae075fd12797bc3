import * as z from 'zod';
import type { Route } from '../facts/types.js';
import { ROUTE_PROTOCOL } from '../network/restore.js';
import { quote, quoteAll } from '../quote.js';
import { editRoutes } from './facts-edit.js';
import { ipv4Network, linkName, listed, maskedNetwork, unread } from './parameters.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const route = z.strictObject({ to: ipv4Network, link: linkName });

const schema = z.strictObject({
  routes: z.array(route, { error: 'routes is a list of {to, link}' }).superRefine((all, context) => {
    const seen = new Set<string>();
    for (const [index, { to }] of all.entries()) {
      if (seen.has(to)) context.addIssue({ code: 'custom', path: [index], message: `two routes to ${to}` });
      seen.add(to);
    }
  }),
});
type Params = z.infer<typeof schema>;
type Wanted = Params['routes'][number];

const PROTOCOL = String(ROUTE_PROTOCOL);

const isOwned = (route: Route) => route.protocol === PROTOCOL;

/** `default` and bare addresses as the networks that they are. IPv6 stays as it is. */
function network(to: string): string {
  if (to === 'default') return '0.0.0.0/0';
  return to.includes(':') ? to : maskedNetwork(to.includes('/') ? to : `${to}/32`);
}

const add = ({ to, link }: Wanted) => quoteAll(['ip', '-4', 'route', 'replace', to, 'dev', link, 'proto', PROTOCOL]);

/** Deletes a route of mesh's if it is there. */
function remove({ to, link }: Wanted): string {
  const words = quoteAll([to, 'dev', link, 'proto', PROTOCOL]);
  return `if ip -4 route show ${words} | grep -q .; then ip -4 route del ${words}; fi`;
}

const text = ({ to, link }: Wanted) => `${to} dev ${link}`;

const without = (routes: readonly Route[], gone: readonly Wanted[]) =>
  routes.filter((one) => !(isOwned(one) && gone.some((two) => network(one.to) === two.to && one.link === two.link)));

function diff(params: Params, routes: readonly Route[], links: ReadonlySet<string>): Diff {
  const changes: Change[] = [];
  const notes: string[] = [];
  const at = (wanted: Wanted) => (one: Route) => network(one.to) === wanted.to && (one.metric ?? 0) === 0;
  const right = (wanted: Wanted) => (one: Route) => at(wanted)(one) && one.link === wanted.link && one.via === null;
  const gone = routes
    .filter((one) => isOwned(one) && !params.routes.some((wanted) => right(wanted)(one)))
    .flatMap((one) => (one.link === null || one.to.includes(':') ? [] : [{ to: network(one.to), link: one.link }]));
  if (gone.length > 0) {
    changes.push({
      sentence: `remove ${gone.length === 1 ? 'route' : 'routes'} ${listed(gone.map(text))}`,
      command: gone.map(remove).join('\n'),
      undo: { command: gone.map(add).join('\n') },
      before: gone.map(text).join('\n'),
      effect: (facts) => editRoutes(facts, (all) => without(all, gone)),
    });
  }
  for (const wanted of params.routes) {
    if (routes.some((one) => right(wanted)(one) && isOwned(one))) continue;
    const other = routes.find((one) => at(wanted)(one) && !isOwned(one));
    if (other && other.link === wanted.link && other.via === null) {
      notes.push(`the route ${text(wanted)} is there already and is not mesh's`);
      continue;
    }
    if (other) {
      const way = [...(other.via ? ['via', other.via] : []), ...(other.link ? ['dev', other.link] : [])];
      return {
        kind: 'refused',
        sentence: `there is another route to ${wanted.to}: ${way.join(' ') || 'to nowhere'}`,
        fix: `remove it (${quoteAll(['ip', 'route', 'del', other.to, ...way])}) or choose another mesh_cidr`,
      };
    }
    changes.push({
      sentence: `add route ${text(wanted)}`,
      command: add(wanted),
      undo: { command: remove(wanted) },
      after: text(wanted),
      ...(links.has(wanted.link) ? {} : { guard: `ip link show dev ${quote(wanted.link)} >/dev/null 2>&1` }),
      effect: (facts) =>
        editRoutes(facts, (all) => [
          ...without(all, [wanted]),
          { to: wanted.to, via: null, link: wanted.link, source: null, protocol: PROTOCOL, metric: null },
        ]),
    });
  }
  return changes.length + notes.length === 0 ? nothing : { kind: 'changes', changes, notes };
}

/**
 * All IPv4 routes that mesh owns on a host, each straight out of a device. They are marked by their protocol number
 * (ip-route(8), `proto`), 201, which nobody else uses; those that are no longer wanted are removed. A route of somebody
 * else's to the same network by another way is refused, one by the same way is left alone.
 * Not kept over a restart: the mesh's unit on the host puts them back.
 */
export const routes: Resource<Params> = {
  type: 'routes',
  schema,
  label: ({ routes: all }) => (all.length === 0 ? 'no routes' : listed(all.map(text))),
  interests: () => ({}),
  diff: (params, facts) => {
    if (!facts.routes.known) return unread('the routes', facts.routes) ?? nothing;
    if (!facts.links.known) return unread('the network devices', facts.links) ?? nothing;
    return diff(params, facts.routes.value, new Set(facts.links.value.map((one) => one.name)));
  },
};
