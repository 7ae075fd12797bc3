import * as z from 'zod';
import type { HostFacts } from '../facts/types.js';
import { quote } from '../quote.js';
import { setCheck, setFile } from './facts-edit-host.js';
import { absolutePath, need, shellText } from './params.js';
import { lines } from './shell.js';
import { type Change, type Diff, nothing, type Resource } from './types.js';

const schema = z.strictObject({
  cmd: shellText.refine((cmd) => cmd.trim() !== '', 'must not be empty'),
  creates: absolutePath.optional(),
  removes: absolutePath.optional(),
  check: shellText.refine((check) => check.trim() !== '', 'must not be empty').optional(),
  chdir: absolutePath.optional(),
  undo: shellText.optional(),
});

export type CommandParams = z.infer<typeof schema>;

/**
 * A shell command of the user's own. `cmd`, `check` and `undo` are POSIX-sh text as the user wrote it: values that come
 * into them by templates are not quoted here.
 */
export const command: Resource<CommandParams> = {
  type: 'command',
  schema,
  label: (params) => firstLine(params.cmd),
  interests: (params) => ({
    files: [params.creates, params.removes].flatMap((path) => path ?? []),
    checks: params.check === undefined ? [] : [params.check],
  }),
  diff: (params, facts) => {
    const need = isNeeded(params, facts);
    if (need !== 'yes') return need === 'no' ? nothing : need;
    const always = params.creates === undefined && params.removes === undefined && params.check === undefined;
    const change: Change = {
      sentence: `run ${firstLine(params.cmd)}`,
      command: inDirectory(params.chdir, params.cmd),
      undo:
        params.undo === undefined
          ? { impossible: 'the task does not say how (give it `undo:`)' }
          : { command: inDirectory(params.chdir, params.undo) },
      effect: (seen) => done(params, seen),
    };
    if (!always) return { kind: 'changes', changes: [change] };
    const note = `\`${firstLine(params.cmd)}\` runs at every deploy: give it \`creates\`, \`removes\` or \`check\` to run it only when needed`;
    return { kind: 'changes', changes: [change], notes: [note] };
  },
};

/** Every condition that is given must call for the command. */
function isNeeded(params: CommandParams, facts: HostFacts): 'yes' | 'no' | Diff {
  if (params.creates !== undefined) {
    const made = need(facts.files[params.creates], `the file ${params.creates}`);
    if (!made.known) return made.diff;
    if (made.value.kind !== 'absent') return 'no';
  }
  if (params.removes !== undefined) {
    const there = need(facts.files[params.removes], `the file ${params.removes}`);
    if (!there.known) return there.diff;
    if (there.value.kind === 'absent') return 'no';
  }
  if (params.check !== undefined) {
    const code = need(facts.checks[params.check], `the exit code of \`${firstLine(params.check)}\``);
    if (!code.known) return code.diff;
    if (code.value === 0) return 'no';
  }
  return 'yes';
}

function done(params: CommandParams, facts: HostFacts): HostFacts {
  let after = facts;
  if (params.creates !== undefined) {
    after = setFile(after, params.creates, { kind: 'other', what: 'what a command of the playbook makes' });
  }
  if (params.removes !== undefined) after = setFile(after, params.removes, { kind: 'absent' });
  return params.check === undefined ? after : setCheck(after, params.check, 0);
}

function inDirectory(directory: string | undefined, text: string): string {
  return directory === undefined ? text : lines(`cd ${quote(directory)}`, text);
}

/** The first line that holds something, shortened to 60 characters. */
function firstLine(text: string): string {
  const line = text.trim().split('\n')[0] ?? '';
  return line.length > 60 || text.trim().includes('\n') ? `${line.slice(0, 59)}…` : line;
}
