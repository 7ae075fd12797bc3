import { readFile } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import type { Plan } from '../engine/types.js';
import type { CheckParameters } from '../playbook/reading.js';
import type { Defined } from '../resources/define.js';
import { commandLine, type Request } from './command-line.js';
import { inventoryFile, openInventory } from './inventory-file.js';
import { packageFile } from './package-file.js';

async function openPlaybook(request: Request, resources: ReadonlyMap<string, Defined>) {
  const { InputError } = await import('../errors.js');
  const [{ parsePlaybook }, { selectTasks }] = await Promise.all([
    import('../playbook/parse.js'),
    import('../playbook/tags.js'),
  ]);
  const own = `playbooks/${request.mode === 'teardown' || request.mode === 'build' ? request.mode : 'deploy'}.yml`;
  const file = request.playbook ?? packageFile(own);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw InputError.of(`there is no playbook ${file}`, {
        fix: `name one that exists, or copy mesh's own: ${packageFile(own)}`,
      });
    }
    if (code === 'EISDIR') throw InputError.of(`${file} is a directory`, { fix: 'name the playbook in it' });
    const reason = error instanceof Error ? error.message : String(error);
    throw InputError.of(`the playbook ${file} cannot be read: ${reason}`, { fix: 'make it readable for you' });
  });
  const check: CheckParameters = (type, params) => resources.get(type)?.check(params) ?? [];
  const playbook = parsePlaybook(text, request.playbook ?? own, [...resources.keys()], check);
  const { tags = [], skipTags = [] } = request.options;
  return selectTasks(playbook, { tags, skipTags });
}

/**
 * Runs a request from files to exit code: opens inventory, playbook and lock, a screen and a transport, and converges.
 * The first Ctrl-C lets running steps end; the second leaves at once.
 */
export async function convergeCommand(request: Request): Promise<void> {
  const { options } = request;
  const file = inventoryFile(request.argument, options);
  const [
    inventory,
    { resources },
    { lockFileOf, readLock },
    { createEventStream, newRunId },
    { chooseScreen },
    { terminalQuestions },
    { createTransport },
    { converge },
    results,
  ] = await Promise.all([
    openInventory(file, options),
    import('../resources/index.js'),
    import('../inventory/lock.js'),
    import('../events/stream.js'),
    import('../ui/screen.js'),
    import('../ui/questions.js'),
    import('../ssh/transport.js'),
    import('../engine/converge.js'),
    import('./results.js'),
  ]);
  const [playbook, lock] = await Promise.all([openPlaybook(request, resources), readLock(file)]);
  const lockFile = lockFileOf(file);
  const lockText = await readFile(lockFile, 'utf8').catch(() => '');

  const run = newRunId();
  const stream = createEventStream(run);
  const { stdout, stderr, stdin, env } = process;
  const screen = await chooseScreen({
    output: options.json ? 'text' : options.output,
    quiet: options.quiet || options.json,
    verbose: options.verbose,
    stdout,
    stderr,
    env,
  }).open(stream);
  const stop = new AbortController();
  const typed = commandLine(request, file);
  let interrupts = 0;
  const interrupt = () => {
    interrupts += 1;
    if (interrupts > 1) {
      const note = 'Left at once. What runs on the hosts goes on by itself; the same command again meets it there.\n';
      void screen.stop().finally(() => stderr.write(note, () => process.exit(130)));
      return;
    }
    stop.abort();
  };
  const questions = terminalQuestions({ stdin, output: stderr, screen, onInterrupt: interrupt });
  const transport = createTransport({
    questions,
    acceptNew: options.acceptNew ?? false,
    forks: options.forks,
    askBecomePass: options.askBecomePass ?? false,
  });
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);

  const mode = options.check && request.mode !== 'verify' ? 'plan' : request.mode;
  const print = results.printerFor(options, {
    stdout,
    stderr,
    env,
    asks: questions.available && !options.yes,
  });
  const proof = print.collect(stream);
  try {
    const done = await converge({
      mode,
      inventory,
      playbook,
      resources,
      lock,
      lockFile,
      lockText,
      transport,
      run,
      who: `${userInfo().username}@${hostname()}`,
      command: typed,
      forks: options.forks,
      yes: options.yes ?? false,
      restartDocker: options.restartDocker ?? false,
      lockTimeoutSeconds: options.lockTimeout ?? 0,
      detailedExitCode: options.detailedExitcode ?? false,
      emit: stream.emit,
      conversation: {
        showPlan: (plan: Plan) => {
          screen.pause();
          print.plan(plan, mode);
          screen.resume();
        },
        confirm: async (question) => (questions.available ? questions.confirm(question) : undefined),
      },
      stop: stop.signal,
    });
    await screen.stop();
    print.end(proof.events(), done);
    process.exitCode = done.exitCode;
  } catch (error) {
    // What was going on is not what the person has to read now.
    screen.pause();
    throw error;
  } finally {
    await screen.stop();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await transport.close();
  }
}
