import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { takeLock } from '../../src/lab/lock.js';

const unique = (name: string) => `test-${process.pid}-${name}`;

describe.runIf(process.platform === 'linux')('takeLock', () => {
  it('lets in one at a time, the second as soon as the first is done', async () => {
    const name = unique('two');
    const order: string[] = [];
    const first = await takeLock(name);
    let second = Promise.resolve();
    const holder = await new Promise<string>((resolve) => {
      second = takeLock(name, { onWait: resolve }).then(async (lock) => {
        order.push('second');
        await lock.release();
      });
    });
    expect(holder).toBe(String(process.pid));
    order.push('first done');
    await first.release();
    await second;
    expect(order).toEqual(['first done', 'second']);
  });

  it('never has two holders, however many want it', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      const lock = await takeLock(unique('many'));
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      await lock.release();
    };
    await Promise.all(Array.from({ length: 12 }, work));
    expect(most).toBe(1);
  });

  it('stops waiting when it is told to', async () => {
    const name = unique('stop');
    const first = await takeLock(name);
    const stop = new AbortController();
    const waiting = takeLock(name, { signal: stop.signal, onWait: () => stop.abort(new Error('enough')) });
    await expect(waiting).rejects.toThrow('enough');
    await first.release();
  });

  it('is free when its holder was killed', async () => {
    const name = unique('killed');
    const program = `require('net').createServer().listen('\\0mesh-lab/${name}', () => console.log('held'))`;
    const holder = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    const waiting = takeLock(name);
    holder.kill('SIGKILL');
    const lock = await waiting;
    await lock.release();
  });
});
