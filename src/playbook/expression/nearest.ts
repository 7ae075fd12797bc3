import { closest, distance } from 'fastest-levenshtein';

/** The known word that was probably meant, if one is near enough to be worth naming. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0 || word.length > 100) return undefined;
  const lower = word.toLowerCase();
  const near = closest(lower, [...known]);
  return distance(lower, near.toLowerCase()) <= Math.max(1, Math.floor(word.length / 3)) ? near : undefined;
}
