import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileFact } from '../../src/facts/types.js';
import { quote } from '../../src/quote.js';
import { textFile } from '../../src/resources/facts-edit-host.js';
import { file } from '../../src/resources/file.js';
import { asPlanned, putBack } from '../../src/resources/former-file.js';
import { writeFile } from '../../src/resources/shell.js';
import { applied, changesOf, complaints, hostFacts, plan, shellTexts, unknown } from './facts.js';
import { absent, folder, inTemporaryDirectory, runStep, withFiles } from './hosts.js';
import { syntaxErrors } from './shell-syntax.js';

const hostile = 'it\'s "a" $(exit 9) `exit 9` %s \\n \\\\ ünïcödé 🐙\n\n-n --\n\ttab\r\nno newline at the end';

describe('file', () => {
  it('creates a file whole, records that there was none, and can take it away', () => {
    const facts = withFiles(hostFacts(), { '/etc/motd': absent });
    const [change] = changesOf(plan(file, { path: '/etc/motd', content: 'hello\n', mode: '0600' }, facts));
    expect(change?.sentence).toBe('create /etc/motd');
    expect(change?.command).toMatchInlineSnapshot(`
      "seen=absent; if [ -e /etc/motd ] || [ -L /etc/motd ]; then seen=$(sha256sum 2>/dev/null </etc/motd || echo other); fi
      case \${seen%% *} in
      absent | 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03) ;;
      *)
        dpkg -S /etc/motd >/dev/null 2>&1 || rpm -qf /etc/motd >/dev/null 2>&1 || {
          echo '/etc/motd was changed after the plan was made, and is left as it is: run the same command again for a new plan' >&2
          rm -f /var/lib/mesh/record/file/etc%2Fmotd
          exit 1
        }
        ;;
      esac
      umask 022
      mkdir -p /etc
      new=$(mktemp /etc/.mesh.XXXXXX)
      trap 'rm -f "$new"' EXIT
      printf %s 'hello
      ' >"$new"
      chmod 0600 "$new"
      sync "$new" 2>/dev/null || sync
      mv -f "$new" /etc/motd"
    `);
    expect(change?.undo).toEqual({ command: 'rm -f /etc/motd' });
    expect(change?.records).toEqual([{ key: 'file/etc%2Fmotd', value: { kind: 'absent', made: [] } }]);
  });

  it('records and removes the directories that it had to make, as long as nobody else used them', () => {
    const facts = withFiles(hostFacts(), { '/opt/a/b/conf': absent, '/opt/a/b': absent, '/opt/a': absent });
    const diff = plan(file, { path: '/opt/a/b/conf', content: 'x' }, facts);
    expect(changesOf(diff)[0]?.records?.[0]?.value).toEqual({ kind: 'absent', made: ['/opt/a/b', '/opt/a'] });
    const back = plan(file, { path: '/opt/a/b/conf', state: 'former' }, applied(diff, facts));
    expect(changesOf(back)[0]?.command).toContain(
      'rm -f /opt/a/b/conf\nrmdir /opt/a/b 2>/dev/null || :\nrmdir /opt/a 2>/dev/null || :',
    );
  });

  it('does nothing where text, mode and owner are right, and keeps mode and owner that nobody asked to change', () => {
    const shadow = {
      kind: 'file',
      mode: '0640',
      owner: 'root',
      group: 'adm',
      size: 2,
      sha256: '',
      content: 'a\n',
    } as const;
    const facts = withFiles(hostFacts(), { '/etc/x': shadow });
    expect(changesOf(plan(file, { path: '/etc/x', content: 'a\n' }, facts))).toEqual([]);
    const [change] = changesOf(plan(file, { path: '/etc/x', content: 'b\n' }, facts));
    expect(change?.command).toContain('chown root:adm "$new"\nchmod 0640 "$new"');
    expect([change?.before, change?.after]).toEqual(['a\n', 'b\n']);
  });

  it('changes only the access where only that differs', () => {
    const facts = withFiles(hostFacts(), { '/etc/x': 'a' });
    const [change] = changesOf(plan(file, { path: '/etc/x', content: 'a', mode: '0600', owner: 'ops' }, facts));
    expect(change?.command).toBe('chown ops:root /etc/x\nchmod 0600 /etc/x');
  });

  it('keeps a copy of a text that a record cannot hold, and puts that copy back', () => {
    const sha256 = 'ab'.repeat(32);
    const binary = {
      kind: 'file',
      mode: '0644',
      owner: 'root',
      group: 'root',
      size: 9,
      sha256,
      content: null,
    } as const;
    const facts = withFiles(hostFacts(), { '/etc/x': binary });
    const diff = plan(file, { path: '/etc/x', content: 'text' }, facts);
    expect(changesOf(diff)[0]?.command).toContain(`cp /etc/x /var/lib/mesh/copies/${sha256}.new`);
    const [back] = changesOf(plan(file, { path: '/etc/x', state: 'former' }, applied(diff, facts)));
    expect(back?.command).toContain(`cat /var/lib/mesh/copies/${sha256} >"$new"`);
  });

  it('never takes what could not be read for absent', () => {
    const facts = { ...hostFacts(), files: { '/etc/x': unknown } };
    expect(plan(file, { path: '/etc/x', content: 'a' }, facts).kind).toBe('unknown');
    expect(plan(file, { path: '/etc/y', content: 'a' }, facts)).toMatchObject({
      kind: 'unknown',
      why: 'it was not looked at',
    });
  });

  it('refuses to overwrite a directory or a link', () => {
    const facts = withFiles(hostFacts(), { '/etc/x': folder, '/etc/l': { kind: 'other', what: 'symbolic link' } });
    expect(plan(file, { path: '/etc/x', content: 'a' }, facts)).toMatchObject({
      sentence: '/etc/x is a directory, not a file',
    });
    expect(plan(file, { path: '/etc/l', content: 'a' }, facts)).toMatchObject({ kind: 'refused' });
  });

  it('teaches what to write', () => {
    expect(complaints(file, { path: 'etc/x', content: '' })).toEqual(['must be an absolute path, like /etc/motd']);
    expect(complaints(file, { path: '/x/../y', content: '' })[0]).toContain('write the path itself');
    expect(complaints(file, { path: '/x', content: '', mode: 420 })[0]).toContain("'0644'");
    expect(complaints(file, { path: '/x' })[0]).toContain('is needed for a file that shall be present');
    expect(complaints(file, { path: '/x', content: 'a\0b' })[0]).toContain('NUL');
    expect(complaints(file, { path: '/x', content: 'x'.repeat(100_001) })[0]).toContain('100000 bytes');
  });

  it('without a record goes back to nothing', () => {
    const facts = withFiles(hostFacts(), { '/etc/x': 'theirs' });
    expect(changesOf(plan(file, { path: '/etc/x', state: 'former' }, facts))).toEqual([]);
  });
});

describe('a file that changed between plan and step', () => {
  const seen = (content: string): FileFact => textFile(content, '0644');
  const attempt = (planned: FileFact, there: string | undefined) =>
    inTemporaryDirectory((directory) => {
      const path = join(directory, "it's");
      const note = join(directory, 'note');
      writeFileSync(note, 'null');
      if (there !== undefined) writeFileSync(path, there);
      const check = asPlanned(path, planned, seen('new'), [{ key: 'file/note', value: null }]);
      const own = check.replaceAll('/var/lib/mesh/record/file/note', note);
      const { code, output } = runStep(`${own}\nprintf new >${quote(path)}`);
      return { code, output, text: readFileSync(path, 'utf8'), noted: existsSync(note) };
    });

  it.each([
    [seen('old'), 'old'],
    [seen('old'), 'new'],
    [absent, undefined],
    [absent, 'new'],
  ])('is written where it is what the plan saw, or already what it shall be', (planned, there) => {
    expect(attempt(planned, there)).toEqual({ code: 0, output: '', text: 'new', noted: true });
  });

  it.each([
    [seen('old'), 'edited'],
    [absent, 'somebody made it'],
  ])('is left as it is, and its former value is not noted', (planned, there) => {
    expect(attempt(planned, there)).toMatchObject({ code: 1, text: there, noted: false });
    expect(attempt(planned, there).output).toContain('was changed after the plan was made');
  });

  it.each([
    ['written', { content: 'b' }],
    ['removed', { state: 'absent' }],
  ])('is looked at before it is %s', (_, task) => {
    const facts = withFiles(hostFacts(), { '/etc/x': 'a' });
    const diff = plan(file, { path: '/etc/x', ...task }, facts);
    expect(changesOf(diff)[0]?.command).toMatch(/^seen=absent; /);
    const after = applied(diff, facts);
    const [back] = changesOf(plan(file, { path: '/etc/x', state: 'former' }, after));
    expect(back?.command).toMatch(/^seen=absent; /);
  });
});

describe('the written command', () => {
  it.each(['sh', 'bash'])('writes any text with %s, and undoes it', (shell) => {
    inTemporaryDirectory((directory) => {
      const path = join(directory, "it's a $(dir)/x");
      const written = runStep(writeFile({ path, content: hostile, mode: '0640' }), shell);
      expect(written).toEqual({ code: 0, output: '' });
      expect(readFileSync(path, 'utf8')).toBe(hostile);
      expect(statSync(path).mode & 0o7777).toBe(0o640);
      expect(readdirSync(join(path, '..'))).toEqual(['x']);
      expect(runStep(putBack(path, { kind: 'absent', made: [join(path, '..')] }), shell).code).toBe(0);
      expect(existsSync(join(path, '..'))).toBe(false);
    });
  });

  it('keeps every text and every name', () => {
    inTemporaryDirectory((directory) => {
      const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''));
      const name = fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
        .filter((one) => !/^\.{1,2}$|[/\0]/.test(one));
      fc.assert(
        fc.property(text, name, (content, base) => {
          const path = join(directory, base);
          expect(runStep(writeFile({ path, content, mode: '0644' })).code).toBe(0);
          expect(readFileSync(path).equals(Buffer.from(content))).toBe(true);
        }),
        { numRuns: 25 },
      );
    });
  });

  it('leaves the old text and no rest where it cannot write', () => {
    inTemporaryDirectory((directory) => {
      const path = join(directory, 'x');
      mkdirSync(path);
      writeFileSync(join(path, 'inside'), 'old');
      chmodSync(path, 0o755);
      const blocked = writeFile({ path: join(path, 'inside', 'deeper'), content: 'new', mode: '0644' });
      expect(runStep(blocked).code).not.toBe(0);
      expect(readFileSync(join(path, 'inside'), 'utf8')).toBe('old');
      expect(readdirSync(path)).toEqual(['inside']);
    });
  });
});

describe('any file task', () => {
  const state = fc.oneof(
    fc.constant(absent),
    fc.constant(folder),
    fc.string().map((content) => content.replaceAll('\0', '')),
  );
  const params = fc.record(
    {
      content: fc.string().map((content) => content.replaceAll('\0', '')),
      mode: fc.constantFrom('0600', '755', '0644'),
      owner: fc.constantFrom('root', 'ops'),
    },
    { requiredKeys: ['content'] },
  );
  it('comes to rest, and going back comes to the former state, in shell text that a shell can read', () => {
    const texts: string[] = [];
    fc.assert(
      fc.property(state, params, fc.boolean(), (now, wanted, isDirectory) => {
        const facts = withFiles(hostFacts(), { '/a/b': now });
        const { content, ...access } = wanted;
        const task = isDirectory ? { ...access, path: '/a/b', state: 'directory' } : { ...wanted, path: '/a/b' };
        const diff = plan(file, task, facts);
        if (diff.kind === 'refused') return;
        texts.push(...changesOf(diff).flatMap(shellTexts));
        const after = applied(diff, facts);
        expect(changesOf(plan(file, task, after))).toEqual([]);
        const back = plan(file, { path: '/a/b', state: 'former' }, after);
        texts.push(...changesOf(back).flatMap(shellTexts));
        const end = applied(back, after);
        expect(end.files['/a/b']).toEqual(facts.files['/a/b']);
        expect(changesOf(plan(file, { path: '/a/b', state: 'former' }, end))).toEqual([]);
      }),
    );
    expect(syntaxErrors(texts)).toBe('');
  });
});
