import { Command } from 'commander';
import * as deploy from './deploy.js';
import * as exec from './exec.js';
import * as facts from './facts.js';
import * as inventory from './inventory.js';
import * as lab from './lab.js';
import { reportAndExit } from './report-error.js';
import * as run from './run.js';

const program = new Command('mesh')
  .description(
    'One flat container network over Open vSwitch and GRE: planned, applied and proven on every host at once.',
  )
  .version(process.env.MESH_VERSION ?? 'development', '-V, --version')
  .showSuggestionAfterError()
  .showHelpAfterError('(mesh --help shows what there is)')
  .addHelpText(
    'before',
    `Examples:
  mesh plan inventory.yml            what would be done, and nothing else
  mesh deploy inventory.yml          do it, and prove it
  mesh verify inventory.yml          prove it again, containers included
  mesh teardown inventory.yml        take everything back
  mesh lab up                        three throw-away hosts on this machine, to try it
`,
  )
  .addHelpText(
    'after',
    `
Exit codes: 0 done, 1 something failed, 2 the input is wrong, 3 plan found differences (--detailed-exitcode),
4 hosts unreachable, 130 interrupted.`,
  )
  .exitOverride();

for (const command of [deploy, run, inventory, facts, exec, lab]) command.register(program);

// Who reads no further (`mesh plan | head`) ends the output, not the run.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

program.parseAsync(process.argv).catch((error: unknown) => reportAndExit(error));
