import type { Fault, Position } from '../errors.js';
import { excerpt } from './excerpt.js';

/**
 * Collects what is wrong in the files of one inventory. The same complaint at the same place (a group's variable, seen
 * from each of its hosts) is kept once.
 */
export interface Complaints {
  /** A file's text, so that complaints about it can show its lines. */
  source(file: string, text: string): void;
  fault(message: string, at: Position | undefined, fix?: string): void;
  warning(message: string, at: Position | undefined, fix?: string): void;
  add(faults: readonly Fault[]): void;
  /** In the order of the files as they were read, then of their lines; what has no position comes last. */
  faults(): Fault[];
  warnings(): Fault[];
}

export function collectComplaints(): Complaints {
  const texts = new Map<string, string>();
  const faults = new Map<string, Fault>();
  const warnings = new Map<string, Fault>();
  const note = (into: Map<string, Fault>, fault: Fault) => {
    const at = fault.at;
    const key = `${at?.file}\0${at?.line}\0${at?.column}\0${fault.message}`;
    if (!into.has(key)) into.set(key, fault);
  };
  const build = (message: string, at: Position | undefined, fix: string | undefined): Fault => {
    const text = at && texts.get(at.file);
    return {
      message,
      ...(at ? { at } : {}),
      ...(at && text !== undefined ? { excerpt: excerpt(text, at) } : {}),
      ...(fix ? { fix } : {}),
    };
  };
  const ordered = (found: Map<string, Fault>): Fault[] => {
    const files = [...texts.keys()];
    const rank = (fault: Fault) =>
      fault.at ? (files.indexOf(fault.at.file) + files.length + 1) % (files.length + 1) : 1e9;
    return [...found.values()].sort(
      (a, b) => rank(a) - rank(b) || (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0),
    );
  };
  return {
    source: (file, text) => void texts.set(file, text),
    fault: (message, at, fix) => note(faults, build(message, at, fix)),
    warning: (message, at, fix) => note(warnings, build(message, at, fix)),
    add: (more) => {
      for (const fault of more) note(faults, fault);
    },
    faults: () => ordered(faults),
    warnings: () => ordered(warnings),
  };
}
