import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { putBack } from '../../src/resources/former-file.js';
import { lines, withoutBodies, writeFile } from '../../src/resources/shell.js';

const path = '/etc/docker/daemon.json';

describe('a command as it is told', () => {
  it('holds nothing of what it writes into a file, whatever that is', () => {
    const odd = fc.constantFrom("'", "''", '>"$new"', ' >"$new"', "printf %s 'x", '\n', '\\', '"');
    const content = fc.array(fc.oneof(odd, fc.string()), { maxLength: 8 }).map((parts) => `${parts.join('')}s3cret`);
    const bytes = fc.tuple(content, content).filter((both) => both.every((text) => !text.includes('\0')));
    fc.assert(
      fc.property(bytes, ([one, other]) => {
        const told = withoutBodies(
          lines(
            writeFile({ path, content: one, mode: '0600' }),
            'systemctl restart docker',
            putBack(path, { kind: 'file', mode: '0644', owner: 'root', group: 'root', content: other }),
          ),
        );
        expect(told).not.toContain('s3cret');
        expect(told.match(/'… \d+ characters …' >"\$new"$/gm)).toHaveLength(2);
        expect(told).toContain('\nsystemctl restart docker\n');
        expect(told).toContain(`mv -f "$new" ${path}`);
      }),
    );
  });

  it('is the command itself where it writes no file', () => {
    const command = `printf %s 'x' >/proc/sys/x\novs-vsctl -- add-port br0 gre-docker42`;
    expect(withoutBodies(command)).toBe(command);
  });
});
