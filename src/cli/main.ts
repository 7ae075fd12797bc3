import { createProgram } from './program.js';
import { reportAndExit } from './report-error.js';

// Who reads no further (`mesh plan | head`) ends the output, not the run.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

createProgram()
  .parseAsync(process.argv)
  .catch((error: unknown) => reportAndExit(error));
