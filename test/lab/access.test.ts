import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { isFree, isListener } from '../../src/lab/access.js';
import { hostPlaces, labPlaces } from '../../src/lab/names.js';

describe('isFree', () => {
  it('tells a port that is listened on from one that is not', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    expect(await isFree(port)).toBe(false);
    await new Promise((resolve) => server.close(resolve));
    expect(await isFree(port)).toBe(true);
  });
});

describe('isListener', () => {
  const lab = labPlaces('demo');
  const host = hostPlaces(lab, 41);
  const process = (netns: number, ...argv: string[]) => ({ pid: 1, argv, netns, namespacePids: [1] });

  it('knows a listener before its first connection and after it', () => {
    const before = process(
      1,
      'systemd-socket-activate',
      `--net=/run/netns/${lab.laptop}`,
      'proxy',
      '192.168.198.41:22',
    );
    expect(isListener(before, 7, lab, host)).toBe(true);
    expect(isListener(process(7, 'systemd-socket-proxyd', '192.168.198.41:22'), 7, lab, host)).toBe(true);
  });

  it('does not take another lab’s or another host’s for its own', () => {
    expect(isListener(process(8, 'systemd-socket-proxyd', '192.168.198.41:22'), 7, lab, host)).toBe(false);
    expect(isListener(process(7, 'systemd-socket-proxyd', '192.168.198.42:22'), 7, lab, host)).toBe(false);
    expect(isListener(process(1, 'x', '--net=/run/netns/mesh.other.laptop', '192.168.198.41:22'), 7, lab, host)).toBe(
      false,
    );
  });
});
