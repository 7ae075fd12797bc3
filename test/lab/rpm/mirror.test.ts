import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labPlaces } from '../../../src/lab/names.js';
import { isMirror, mirrorScript } from '../../../src/lab/rpm/mirror.js';

let folder = '';
const content = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mesh-mirror-'));
  writeFileSync(join(folder, 'a+b.tar'), content);
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly log: string;
}

function ask(request: string): Answer {
  const { stdout, stderr } = spawnSync('sh', ['-c', mirrorScript, 'sh', folder], { input: request });
  const end = stdout.indexOf('\r\n\r\n');
  const [status = '', ...lines] = stdout.subarray(0, end).toString('latin1').split('\r\n');
  const headers = lines.map((line) => line.split(': ', 2)).map(([name = '', value = '']) => [name, value] as const);
  return {
    status: Number(status.split(' ')[1]),
    headers: new Map(headers),
    body: stdout.subarray(end + 4),
    log: stderr.toString('utf8'),
  };
}

const get = (path: string, ...headers: string[]) =>
  ask([`GET ${path} HTTP/1.1`, 'Host: 192.168.199.1', ...headers, '', ''].join('\r\n'));

describe('mirrorScript', () => {
  it('sends a file and notes the request', () => {
    const { status, headers, body, log } = get('/a%2Bb.tar?x=1');
    expect([status, headers.get('Content-Length'), body.equals(content)]).toEqual([200, '1000', true]);
    expect(log).toBe('GET /a%2Bb.tar?x=1 200\n');
  });

  it('sends the rest of a file when a download goes on', () => {
    const { status, headers, body } = get('/a+b.tar', 'Range: bytes=400-');
    expect([status, headers.get('Content-Range')]).toEqual([206, 'bytes 400-999/1000']);
    expect(body.equals(content.subarray(400))).toBe(true);
  });

  it('sends no body for HEAD, and nothing for other methods', () => {
    const head = ask('HEAD /a+b.tar HTTP/1.1\r\n\r\n');
    expect([head.status, head.headers.get('Content-Length'), head.body.length]).toEqual([200, '1000', 0]);
    expect(ask('PUT /a+b.tar HTTP/1.1\r\n\r\n').status).toBe(405);
  });

  it.each(['/nothing', '/', '/../a+b.tar', '/x/../../etc/passwd'])('has nothing at %s', (path) => {
    expect(get(path).status).toBe(404);
  });

  it('fails as it is told to', () => {
    const truncated = get('/truncated/a+b.tar');
    expect([truncated.headers.get('Content-Length'), truncated.body.length]).toEqual(['1000', 500]);
    const corrupt = get('/corrupt/a+b.tar').body;
    expect(corrupt.length).toBe(1000);
    expect(corrupt.subarray(1).equals(content.subarray(1))).toBe(true);
    expect(corrupt[0]).not.toBe(content[0]);
    expect(get('/unavailable/a+b.tar').status).toBe(503);
    expect(get('/slow/a+b.tar').body.equals(content)).toBe(true);
  });
});

describe('isMirror', () => {
  const lab = labPlaces('demo', '/var/lib/mesh-lab');
  const serve = ['systemd-socket-activate', '--accept', '--inetd', '--listen=0.0.0.0:80', 'sh', lab.mirrorFile, '/m'];
  const process = { pid: 7, netns: 99, namespacePids: [7] };

  it('knows it in the laptop’s namespace and on its way there', () => {
    expect(isMirror({ ...process, argv: serve }, 99, lab)).toBe(true);
    const entering = ['nsenter', `--net=/run/netns/${lab.laptop}`, ...serve];
    expect(isMirror({ ...process, netns: 1, argv: entering }, 99, lab)).toBe(true);
  });

  it('is not fooled by one connection of it, nor by another lab’s', () => {
    expect(isMirror({ ...process, argv: ['sh', lab.mirrorFile, '/m'] }, 99, lab)).toBe(false);
    expect(isMirror({ ...process, argv: serve }, 99, labPlaces('other', '/var/lib/mesh-lab'))).toBe(false);
  });
});
