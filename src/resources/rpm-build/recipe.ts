import * as z from 'zod';
import { MESH_HOME } from '../shell.js';

const text = z.string({ error: 'text' }).regex(/^[^\0\n]+$/, 'must be one line of text');
const version = text.regex(/^\d+\.\d+(\.\d+)?$/, 'must be a release of Open vSwitch, like 3.3.4');

export const recipe = z.strictObject({
  key: text.regex(/^[0-9a-f]{16}$/, 'must be 16 hexadecimal digits'),
  version,
  platform: text,
  source: z.union([
    z.strictObject({ url: text.regex(/^https?:\/\//, 'must be an http(s) URL') }),
    z.strictObject({ laptop: text, size: z.int() }),
  ]),
  source_name: text,
  sha256: text.regex(/^[0-9a-f]{64}$/, 'must be a sha256: 64 hexadecimal digits').nullable(),
  spec: text.regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*(\/[A-Za-z0-9][A-Za-z0-9_.-]*)*$/, 'must be a path within the source'),
  options: z.array(text),
  requires: z.array(text),
});

/** What `mesh.ovs.builds` holds: everything that one build is made of. */
export type Recipe = z.infer<typeof recipe>;

/** Where builds lie on their builder, one folder a key. */
export const BUILDS = `${MESH_HOME}/builds`;
/** Where RPMs lie that came from a builder or from the laptop. */
export const PACKAGES = `${MESH_HOME}/packages`;

export function folderOf({ key }: Recipe): string {
  return `${BUILDS}/${key}`;
}

export function sourceOf(one: Recipe): string {
  return `${folderOf(one)}/source/openvswitch-${one.version}.tar.gz`;
}
