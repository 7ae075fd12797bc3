import type { EventStream } from '../events/stream.js';
import type { Screen } from './screen.js';

/**
 * Every event as one line of JSON (see src/events/schema.ts for what a line is), and nothing else. A reader that goes
 * away (`| head`) ends the writing, not the run.
 */
export function jsonlScreen(stream: Pick<EventStream, 'subscribe'>, output: NodeJS.WritableStream): Screen {
  let open = true;
  let unwritten = Promise.resolve();
  const onError = (error: NodeJS.ErrnoException): void => {
    open = false;
    if (error.code !== 'EPIPE') process.stderr.write(`mesh: the events cannot be written: ${error.message}\n`);
  };
  output.on('error', onError);
  const unsubscribe = stream.subscribe(
    (event) => {
      if (!open) return;
      const written = new Promise<void>((resolve) => output.write(`${JSON.stringify(event)}\n`, () => resolve()));
      unwritten = unwritten.then(() => written);
    },
    { replay: true },
  );
  return {
    pause() {},
    resume() {},
    async stop() {
      unsubscribe();
      await unwritten;
      // The error handler stays: the error of a pipe that was closed may come after the last line.
    },
  };
}
