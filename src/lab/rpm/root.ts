import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { countDownload } from '../download.js';
import { inOverlay } from '../overlay.js';
import type { OnProgress } from '../progress.js';
import { suite } from '../recipe.js';
import { writeFiles } from '../root-files.js';
import { mustRun, mustScript } from '../run.js';
import { openvswitch, rpmFiles } from './files.js';
import {
  becomeRpmScript,
  downloadFolder,
  fetchHook,
  installFetchedScript,
  repositoryFolder,
  rpmDownloadMegabytes,
  sourceFolder,
  tarballScript,
} from './recipe.js';

/** Names inside of the layer's folder: what hosts have as overlay, and what the lab's mirror serves. */
export const rpmParts = { root: 'root', mirror: 'mirror' } as const;

/**
 * Makes the layer of RPM hosts in `draft`, over the layers of a Debian host with Docker (`lower`, uppermost first): its
 * root, and the mirror with the dnf repository and Open vSwitch's tarball.
 */
export async function makeRpmLayer(
  lower: readonly [string, ...string[]],
  draft: string,
  { onProgress, signal }: { readonly onProgress: OnProgress; readonly signal?: AbortSignal },
): Promise<void> {
  const started = Date.now();
  const root = join(draft, rpmParts.root);
  const mirror = join(draft, rpmParts.mirror);
  const say = (detail: string, fraction: number) => onProgress({ phase: 'download', detail, fraction });
  const stoppable = signal ? { signal } : {};
  await mkdir(root, { recursive: true });
  await mkdir(mirror, { recursive: true });

  say(`first RPM host: downloading about ${rpmDownloadMegabytes} MB of Debian packages`, 0);
  const hook = join(draft, 'fetch');
  await writeFile(hook, fetchHook(join(lower[0], 'var/lib/dpkg/status'), root), { mode: 0o700 });
  const counting = new AbortController();
  const folders = [downloadFolder, `${downloadFolder}/partial`, sourceFolder].map((folder) => join(root, folder));
  const counted = countDownload(folders, counting.signal, (megabytes) =>
    say(
      `downloaded ${megabytes} of about ${rpmDownloadMegabytes} MB`,
      Math.min(0.5, (megabytes / rpmDownloadMegabytes) * 0.5),
    ),
  );
  try {
    const nothing = ['--variant=custom', '--format=null', '--aptopt=Acquire::Languages "none"'];
    const argv = ['mmdebstrap', ...nothing, `--customize-hook=${hook}`, suite];
    await mustRun(['setpriv', '--pdeathsig', 'KILL', ...argv], stoppable);
  } finally {
    counting.abort();
    await counted;
    await rm(hook, { force: true });
  }

  say('installing rpm, dnf and the compiler', 0.5);
  await inOverlay(lower, root, installFetchedScript, [], signal);
  say('making the mirror: packages and the tarball of Open vSwitch', 0.9);
  await writeFiles(root, rpmFiles());
  await mustScript(tarballScript, [join(root, sourceFolder), join(mirror, openvswitch.file)], stoppable);
  await rm(join(root, sourceFolder), { recursive: true });
  await inOverlay(lower, root, becomeRpmScript, [], signal);
  await rename(join(root, repositoryFolder), join(mirror, 'repository'));
  say(`root file system of RPM hosts made in ${Math.round((Date.now() - started) / 1000)} s`, 1);
}
