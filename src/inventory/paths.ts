import { homedir } from 'node:os';

/** `~` and `~/…` with the home directory in place of the tilde; another user's home is left as it is. */
export function expandHome(path: string, env: NodeJS.ProcessEnv = process.env): string {
  if (path !== '~' && !path.startsWith('~/')) return path;
  return (env.HOME || homedir()) + path.slice(1);
}
