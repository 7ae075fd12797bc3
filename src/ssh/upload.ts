import { createHash, randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import { pipeline, Transform } from 'node:stream';
import { quote } from '../quote.js';
import { TransferFailure } from './failures.js';
import type { Connection, Outcome } from './types.js';

/**
 * Writes bytes to a file on a host: into a new file (0600) beside it, its SHA-256 compared there, then mode and rename,
 * so that a reader sees the old file or the new one and never a part. Bytes that are at hand go in one round trip; a
 * stream, whose sum is known only at its end, needs two. Rejects with TransferFailure.
 */
export async function uploadFile(
  connection: Pick<Connection, 'exec' | 'host'>,
  content: Buffer | NodeJS.ReadableStream,
  path: string,
  mode: number,
): Promise<void> {
  const name = posix.basename(path).slice(0, 60);
  const part = quote(posix.join(posix.dirname(path), `.${name}.${randomBytes(6).toString('hex')}.part`));
  const receive = `umask 077; set -C; cat >${part}`;
  const discard = `{ s=$?; rm -f ${part}; exit $s; }`;
  const verify = (sum: string): string =>
    `{ [ "$(sha256sum <${part} | cut -d' ' -f1)" = ${sum} ] || { echo 'it arrived damaged' >&2; false; }; }`;
  const publish = `{ [ ! -d ${quote(path)} ] || { echo 'it is a directory' >&2; false; }; } && chmod ${mode.toString(8)} ${part} && mv -f ${part} ${quote(path)}`;
  const check = (outcome: Outcome): void => {
    if (outcome.kind === 'exited' && outcome.code === 0) return;
    const why =
      outcome.kind === 'lost'
        ? outcome.reason
        : outcome.stderr.toString().trim() ||
          (outcome.kind === 'exited' ? `exit ${outcome.code}` : `killed by ${outcome.signal}`);
    throw new TransferFailure(connection.host, path, `${connection.host}: ${path} could not be written: ${why}`);
  };

  if (Buffer.isBuffer(content)) {
    const sum = createHash('sha256').update(content).digest('hex');
    check(await connection.exec(`{ ${receive}; } && ${verify(sum)} && ${publish} || ${discard}`, { stdin: content }));
    return;
  }
  const hash = createHash('sha256');
  const tap = new Transform({
    transform(chunk: Buffer | string, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  // How it ended shows at the tap, which the command reads.
  pipeline(content, tap, () => undefined);
  try {
    check(await connection.exec(`{ ${receive}; } || ${discard}`, { stdin: tap }));
  } catch (error) {
    await connection.exec(`rm -f ${part}`).catch(() => undefined);
    throw error;
  }
  check(await connection.exec(`${verify(hash.digest('hex'))} && ${publish} || ${discard}`));
}
