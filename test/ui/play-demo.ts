// Plays the scripted deploy on the terminal at hand:
//   node_modules/.bin/esbuild test/ui/play-demo.ts --bundle --platform=node --format=esm --packages=external --outfile=X.mjs && node X.mjs
import { createEventStream, newRunId } from '../../src/events/stream.js';
import { chooseScreen } from '../../src/ui/screen.js';
import { demoEvents } from './demo-events.js';

const word = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3);
const failing = word('failing');
const off = word('off');
const stream = createEventStream(newRunId());
const chosen = chooseScreen({
  output: process.argv.includes('--jsonl') ? 'jsonl' : 'text',
  quiet: process.argv.includes('--quiet'),
  verbose: process.argv.includes('--verbose'),
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
});
const screen = await chosen.open(stream);
const options = { hosts: Number(word('hosts') ?? 3), ...(failing && { failing }), ...(off && { off }) };
const begun = Date.now();
for (const { at, body } of demoEvents(options)) {
  const wait = at - (Date.now() - begun);
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
  stream.emit(body);
}
await screen.stop();
