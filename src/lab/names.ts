import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { InputError } from '../errors.js';

/** The lab used when no name is given; it alone has the ports 22041, 22042, … */
/** Where a lab's inventory is written if nobody says otherwise. */
export const defaultInventory = 'inventory/lab.yml';

export const defaultName = 'default';
export const defaultDirectory = '/var/lib/mesh-lab';
export const firstNumber = 41;
export const mostHosts = 200;

/** Where tunnels end, as in a data centre's own network, and where SSH goes in: two networks, so that the first may break. */
export const underlayPrefix = '192.168.199';
export const accessPrefix = '192.168.198';

/** Everything about one lab that follows from its name and the folder of its state. Computing it touches nothing. */
export interface LabPlaces {
  readonly name: string;
  /** Unique on the machine, also where two folders hold labs of one name. */
  readonly tag: string;
  readonly directory: string;
  readonly stateFile: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly sshConfigFile: string;
  readonly supervisorFile: string;
  /** The program of the lab's mirror, and what was asked of it. */
  readonly mirrorFile: string;
  readonly mirrorLog: string;
  /** Network namespace that holds the wire: the place of the person's laptop. */
  readonly laptop: string;
}

/** Everything about one host of a lab that follows from its number. */
export interface HostPlaces {
  readonly name: string;
  readonly number: number;
  readonly underlayAddress: string;
  readonly accessAddress: string;
  readonly netns: string;
  /** What systemd-nspawn calls it; unique on the machine. */
  readonly machine: string;
  readonly directory: string;
  readonly consoleFile: string;
  readonly wireLink: string;
  readonly accessLink: string;
  readonly wireMac: string;
  /** What eth0 is called while its address has moved to a bridge. */
  readonly portMac: string;
  readonly accessMac: string;
}

/** @throws {InputError} for a name that could not be part of a file, namespace or machine name. */
export function labPlaces(
  name: string,
  labDirectory: string = process.env.MESH_LAB_DIR || defaultDirectory,
): LabPlaces {
  if (!/^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/.test(name)) {
    throw InputError.of(`'${name}' cannot be the name of a lab`, {
      fix: 'use 1 to 24 small letters, digits and inner hyphens, such as demo-2',
    });
  }
  if (!/^\/[^:,\\"\s]*$/.test(labDirectory)) {
    throw InputError.of(`MESH_LAB_DIR is '${labDirectory}', which cannot hold a lab`, {
      fix: 'give an absolute path without colons, commas, quotes and spaces: it is handed to mount as an overlay option',
    });
  }
  const directory = join(labDirectory, name);
  const elsewhere = labDirectory === defaultDirectory ? '' : `-${digest(labDirectory).slice(0, 6)}`;
  const tag = `${name}${elsewhere}`;
  return {
    name,
    tag,
    directory,
    stateFile: join(directory, 'lab.json'),
    keyFile: join(directory, 'id_ed25519'),
    knownHostsFile: join(directory, 'known_hosts'),
    sshConfigFile: join(directory, 'ssh_config'),
    supervisorFile: join(directory, 'supervise'),
    mirrorFile: join(directory, 'serve-mirror'),
    mirrorLog: join(directory, 'mirror.log'),
    laptop: `mesh.${tag}.laptop`,
  };
}

/** The host with a number (41 …) of a lab. */
export function hostPlaces(lab: LabPlaces, number: number): HostPlaces {
  const name = hostName(number);
  const directory = join(lab.directory, 'hosts', name);
  const hex = number.toString(16).padStart(2, '0');
  return {
    name,
    number,
    underlayAddress: `${underlayPrefix}.${number}`,
    accessAddress: `${accessPrefix}.${number}`,
    netns: `mesh.${lab.tag}.${name}`,
    machine: `mesh.${lab.tag}.${name}`,
    directory,
    consoleFile: join(directory, 'console.log'),
    wireLink: `wire${number}`,
    accessLink: `access${number}`,
    // 52:54:00 is what QEMU gives to virtual cards; the rest is network and host.
    wireMac: `52:54:00:c7:00:${hex}`,
    portMac: `52:54:00:c8:00:${hex}`,
    accessMac: `52:54:00:c6:00:${hex}`,
  };
}

export function hostName(number: number): string {
  return `docker${number}`;
}

/** 41, 42, … for a count of hosts. @throws {InputError} outside 1 … 200. */
export function hostNumbers(count: number): number[] {
  if (!Number.isInteger(count) || count < 1 || count > mostHosts) {
    throw InputError.of(`a lab cannot have ${count} hosts`, { fix: `ask for 1 to ${mostHosts} hosts` });
  }
  return Array.from({ length: count }, (_, index) => firstNumber + index);
}

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
