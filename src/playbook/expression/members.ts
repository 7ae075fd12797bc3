import { nearest } from '../../inventory/nearest.js';
import type { Secret } from '../../inventory/types.js';
import { failAt, missing, type Place, type Result } from './place.js';
import {
  Deferred,
  isScopedList,
  isScopedMap,
  kindOf,
  Lookup,
  type Plain,
  type Scoped,
  show,
  type Unknown,
} from './values.js';

/**
 * A map's entry, a list's element or a text's character: own properties of data, and nothing behind them. Asking for one
 * that is not there is an error once its value is needed.
 */
export function memberOf(
  whole: Exclude<Scoped, Deferred | Unknown | Secret>,
  key: Plain,
  at: number,
  place: Place,
): Result {
  if (whole instanceof Lookup) return entry(whole.keys, (name) => whole.get(name), key, at, place);
  if (isScopedList(whole)) return element(whole, key, at, place);
  if (isScopedMap(whole)) {
    const own = (name: string): Scoped | undefined => (Object.hasOwn(whole, name) ? whole[name] : undefined);
    return entry(() => Object.keys(whole), own, key, at, place);
  }
  if (typeof whole === 'string' && typeof key === 'number') {
    place.limits.spend(whole.length / 100);
    return element([...whole], key, at, place);
  }
  return missing(`${show(whole)} has no \`${label(key)}\``, at, place, () => undefined);
}

/** 'Did you mean', if something near is known. */
export function meant(word: string, known: readonly string[]): string | undefined {
  const near = word.length > 100 ? undefined : nearest(word, known);
  return near === undefined ? undefined : `did you mean \`${near}\`?`;
}

function entry(
  keys: () => readonly string[],
  get: (key: string) => Scoped | undefined,
  key: Plain,
  at: number,
  place: Place,
): Result {
  if (typeof key !== 'string' && typeof key !== 'number') return failAt(place, at)(`${kindOf(key)} cannot be a key`);
  const value = get(String(key));
  if (value instanceof Deferred) {
    const frames = value.reachedBy.length > 0 ? value.reachedBy : place.frames;
    return new Deferred(value.raw, value.scope, value.trail, frames);
  }
  if (value !== undefined) return value;
  return missing(`there is no \`${label(key)}\` here`, at, place, () => {
    const all = keys();
    const known = all.slice(0, 12).join(', ') + (all.length > 12 ? ', …' : '');
    return meant(String(key), all) ?? (all.length > 0 ? `there are: ${known}` : 'the map is empty');
  });
}

function element(list: readonly Scoped[], key: Plain, at: number, place: Place): Result {
  if (typeof key !== 'number' || !Number.isInteger(key)) {
    return missing(`a list has no \`${label(key)}\``, at, place, () => 'a list has elements by number, from 0');
  }
  const value = list.at(key);
  const size = list.length === 0 ? 'the list is empty' : `the list has ${list.length} (0 to ${list.length - 1})`;
  return value === undefined ? missing(`there is no element ${key}`, at, place, () => size) : value;
}

function label(key: Plain): string {
  return typeof key === 'string' || typeof key === 'number' ? String(key).slice(0, 60) : kindOf(key);
}
