import { spawnSync } from 'node:child_process';

/** What `sh -n` says of all these texts at once; empty where it can read them. */
export function syntaxErrors(texts: readonly string[]): string {
  const program = texts.map((text) => `(\n${text}\n)`).join('\n');
  return spawnSync('sh', ['-n'], { input: program, encoding: 'utf8' }).stderr;
}
