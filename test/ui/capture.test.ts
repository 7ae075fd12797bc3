import { describe, expect, it } from 'vitest';
import { captureWrites } from '../../src/ui/capture.js';
import { fakeTerminal } from './terminal.js';

describe('captureWrites', () => {
  it('hands on whole lines while taken, and gives the stream back as it was', async () => {
    const terminal = fakeTerminal(80, 24);
    const kept: string[] = [];
    const own = terminal.stream.write;
    const captured = captureWrites([terminal.stream], (lines) => kept.push(lines));
    captured.take();
    const called = new Promise<void>((resolve) => terminal.stream.write('one\ntw', () => resolve()));
    terminal.stream.write('o\nthree');
    await called;
    expect(kept).toEqual(['one\n', 'two\n']);
    captured.release();
    expect(kept.at(-1)).toBe('three');
    expect(terminal.stream.write).toBe(own);
    expect(terminal.written()).toBe('');
  });

  it('lets the cursor be shown, and not hidden', () => {
    const terminal = fakeTerminal(80, 24);
    const captured = captureWrites([terminal.stream], () => {});
    captured.take();
    terminal.stream.write('\u001b[?25l');
    terminal.stream.write('\u001b[?25h');
    captured.release();
    expect(terminal.written()).toBe('\u001b[?25h');
  });
});
