import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { defaultDirectory, hostNumbers, hostPlaces, labPlaces } from '../../src/lab/names.js';

describe('labPlaces', () => {
  it('puts everything of a lab into a folder of its name', () => {
    const lab = labPlaces('demo', '/var/lib/mesh-lab');
    expect(lab.directory).toBe('/var/lib/mesh-lab/demo');
    expect(lab.stateFile).toBe('/var/lib/mesh-lab/demo/lab.json');
    expect(lab.laptop).toBe('mesh.demo.laptop');
  });

  it('keeps labs of one name in two folders apart', () => {
    const tags = ['/srv/a', '/srv/b', defaultDirectory].map((directory) => labPlaces('demo', directory).tag);
    expect(new Set(tags).size).toBe(3);
    expect(tags[2]).toBe('demo');
  });

  it.each(['', 'Demo', 'a_b', '-a', 'a-', 'a/b', '../x', 'a'.repeat(25), 'a b', 'a.b'])(
    'refuses the name %j',
    (name) => {
      expect(() => labPlaces(name, defaultDirectory)).toThrow(InputError);
    },
  );

  it.each(['relative', '/with:colon', '/with,comma', '/with space', '/with"quote'])(
    'refuses the folder %j',
    (folder) => {
      expect(() => labPlaces('demo', folder)).toThrow(/MESH_LAB_DIR/);
    },
  );

  it('gives namespaces of which none is another one’s beginning with a dot', () => {
    const name = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    fc.assert(
      fc.property(name, name, (a, b) => {
        fc.pre(a !== b);
        const other = hostPlaces(labPlaces(b, defaultDirectory), 41);
        expect(other.netns.startsWith(`mesh.${labPlaces(a, defaultDirectory).tag}.`)).toBe(false);
      }),
    );
  });
});

describe('hostPlaces', () => {
  const lab = labPlaces('demo', defaultDirectory);

  it('numbers hosts as their addresses', () => {
    expect(hostPlaces(lab, 41)).toMatchObject({
      name: 'docker41',
      underlayAddress: '192.168.199.41',
      accessAddress: '192.168.198.41',
      wireMac: '52:54:00:c7:00:29',
    });
  });

  it('gives every host its own link names, none longer than the kernel’s 15 characters, and its own MACs', () => {
    const hosts = hostNumbers(200).map((number) => hostPlaces(lab, number));
    const links = hosts.flatMap(({ wireLink, accessLink }) => [wireLink, accessLink]);
    const macs = hosts.flatMap(({ wireMac, accessMac, portMac }) => [wireMac, accessMac, portMac]);
    expect(new Set(links).size).toBe(400);
    expect(Math.max(...links.map((link) => link.length))).toBeLessThanOrEqual(15);
    expect(new Set(macs).size).toBe(600);
  });
});

describe('hostNumbers', () => {
  it('counts from 41', () => {
    expect(hostNumbers(3)).toEqual([41, 42, 43]);
  });

  it.each([0, -1, 1.5, 201, Number.NaN])('refuses %d hosts', (count) => {
    expect(() => hostNumbers(count)).toThrow(InputError);
  });
});
