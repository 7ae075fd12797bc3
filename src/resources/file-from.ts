import * as z from 'zod';
import type { FileFact, HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setFile } from './facts-edit-host.js';
import { asPlanned, keepCopy, putBack, shown, toFormer } from './former-file.js';
import { absolutePath, recording, sides } from './params.js';
import { newRecords, recordKey, withRecords } from './records.js';
import { lines, MESH_HOME, ownership } from './shell.js';
import type { Change, Diff } from './types.js';

const sum = z
  .string({ error: 'the sha256 of the file, as sha256sum prints it' })
  .regex(/^[0-9a-f]{64}$/, 'must be 64 digits of 0-9 and a-f, as sha256sum prints them');

/** Where a file comes from that is copied as it is: another host of the run, or the machine that mesh runs on. */
export const fileSource = z.union(
  [
    z.strictObject({ host: z.string().min(1), path: absolutePath, sha256: sum }),
    z.strictObject({ laptop: z.string().min(1), sha256: sum }),
  ],
  { error: 'write `{ host: docker41, path: /root/it.tar, sha256: … }`, or `{ laptop: it.tar, sha256: … }`' },
);

export type FileSource = z.infer<typeof fileSource>;

/** Received files wait here under their sum until their step puts them in their place. */
const INCOMING = `${MESH_HOME}/incoming`;

interface Wanted {
  readonly path: string;
  readonly from: FileSource;
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
}

/** The change that makes a file hold what another host or the laptop has, where its content is another one. */
export function copyFrom({ path, from, mode, owner, group }: Wanted, facts: HostFacts, now: FileFact): Diff {
  const before = toFormer(facts, path, now);
  const records = before ? newRecords(facts, { key: recordKey('file', path), value: before }) : [];
  const incoming = `${INCOMING}/${from.sha256}`;
  const source = 'host' in from ? { host: from.host, path: from.path } : { laptop: from.laptop };
  const directory = path.slice(0, path.lastIndexOf('/')) || '/';
  const copied = { kind: 'file', mode, owner, group, size: 0, sha256: from.sha256, content: null } as const;
  const change: Change = {
    sentence: `${now.kind === 'absent' ? 'copy' : 'replace'} ${path} from ${'host' in from ? from.host : 'this machine'}`,
    needs: [{ path: incoming, sha256: from.sha256, from: source }],
    command: lines(
      // The second time, it is in its place already.
      `if [ ! -e ${incoming} ] && [ "$(sha256sum <${quote(path)} | cut -d' ' -f1)" = ${from.sha256} ]; then exit 0; fi`,
      `echo ${quote(`${from.sha256}  ${incoming}`)} | sha256sum -c --status - || { echo ${quote(`${incoming} is not the file that was to come`)}; exit 1; }`,
      asPlanned(path, now, copied, records),
      before && keepCopy(path, before),
      `umask 022\nmkdir -p ${quote(directory)}`,
      `new=$(mktemp ${quote(`${directory === '/' ? '' : directory}/.mesh.XXXXXX`)})`,
      `trap 'rm -f "$new"' EXIT`,
      `cp ${incoming} "$new"`,
      `chown ${quote(ownership(owner, group) ?? 'root:root')} "$new"`,
      `chmod ${quote(mode)} "$new"`,
      'sync "$new" 2>/dev/null || sync',
      `mv -f "$new" ${quote(path)}`,
      `rm -f ${incoming}`,
      `rmdir ${INCOMING} 2>/dev/null || :`,
    ),
    timeoutSeconds: 600,
    undo: before ? { command: putBack(path, before) } : { impossible: `what was at ${path} is not known` },
    ...sides(shown(now), `(sha256 ${from.sha256})`),
    ...recording(records),
    effect: (seen) => withRecords(setFile(seen, path, copied), records),
  };
  return { kind: 'changes', changes: [change] };
}
