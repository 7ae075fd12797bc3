import { describe, expect, it } from 'vitest';
import { command } from '../../src/resources/command.js';
import { applied, changesOf, complaints, hostFacts, known, plan, unknown } from './facts.js';
import { absent, withFiles } from './hosts.js';

describe('command', () => {
  it('runs the text as it was written, in a directory, with the undo that the task gives', () => {
    const [change] = changesOf(plan(command, { cmd: 'make "$X"', chdir: "/it's", undo: 'make clean' }, hostFacts()));
    expect(change?.command).toBe(`cd '/it'\\''s'\nmake "$X"`);
    expect(change?.undo).toEqual({ command: `cd '/it'\\''s'\nmake clean` });
  });

  it('runs always where nothing says when, and says so', () => {
    const diff = plan(command, { cmd: 'true' }, hostFacts());
    expect(changesOf(diff)).toHaveLength(1);
    expect(diff).toHaveProperty('notes', [expect.stringContaining('runs at every deploy')]);
    expect(changesOf(diff)[0]?.undo).toHaveProperty('impossible');
  });

  it('runs only until what it creates is there', () => {
    const facts = withFiles(hostFacts(), { '/opt/x': absent });
    const diff = plan(command, { cmd: 'make', creates: '/opt/x' }, facts);
    expect(changesOf(diff)).toHaveLength(1);
    expect(changesOf(plan(command, { cmd: 'make', creates: '/opt/x' }, applied(diff, facts)))).toEqual([]);
  });

  it('runs only while what it removes is there', () => {
    const facts = withFiles(hostFacts(), { '/opt/x': 'x' });
    const diff = plan(command, { cmd: 'rm /opt/x', removes: '/opt/x' }, facts);
    expect(changesOf(diff)).toHaveLength(1);
    expect(changesOf(plan(command, { cmd: 'rm /opt/x', removes: '/opt/x' }, applied(diff, facts)))).toEqual([]);
  });

  it('runs only where its check fails', () => {
    const task = { cmd: 'fix', check: 'is-fixed' };
    const facts = { ...hostFacts(), checks: { 'is-fixed': known(1) } };
    const diff = plan(command, task, facts);
    expect(changesOf(diff)).toHaveLength(1);
    expect(changesOf(plan(command, task, applied(diff, facts)))).toEqual([]);
    expect(plan(command, task, { ...facts, checks: { 'is-fixed': unknown } }).kind).toBe('unknown');
  });

  it('wants every condition to call for it', () => {
    const facts = { ...withFiles(hostFacts(), { '/a': 'x', '/b': 'x' }), checks: { c: known(1) } };
    expect(changesOf(plan(command, { cmd: 'x', creates: '/a', check: 'c' }, facts))).toEqual([]);
    expect(changesOf(plan(command, { cmd: 'x', removes: '/b', check: 'c' }, facts))).toHaveLength(1);
  });

  it('asks for what its conditions speak of', () => {
    expect(command.interests({ cmd: 'x', creates: '/a', removes: '/b', check: 'c' })).toEqual({
      files: ['/a', '/b'],
      checks: ['c'],
    });
  });

  it('is called by its first line', () => {
    expect(command.label({ cmd: `\nfirst\nsecond` })).toBe('first…');
    expect(complaints(command, { cmd: ' ' })).toEqual(['must not be empty']);
  });
});
