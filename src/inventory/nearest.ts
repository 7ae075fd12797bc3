import { closest, distance } from 'fastest-levenshtein';

/** The candidate that a person most likely meant, or undefined if none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const list = [...candidates];
  if (list.length === 0) return undefined;
  const swapped = list.find((candidate) => isSwapped(word, candidate));
  if (swapped !== undefined) return swapped;
  const best = closest(word, list);
  const shorter = Math.min(word.length, best.length);
  // Of a single letter any other is as near.
  return distance(word, best) <= Math.min(shorter - 1, Math.max(1, Math.floor(shorter / 3))) ? best : undefined;
}

/** Whether two neighbouring letters in the wrong order are all that is between the words: Levenshtein counts that as two. */
function isSwapped(word: string, candidate: string): boolean {
  if (word.length !== candidate.length || word === candidate) return false;
  const at = [...word].findIndex((letter, index) => letter !== candidate[index]);
  const turned = word.slice(0, at) + word.charAt(at + 1) + word.charAt(at) + word.slice(at + 2);
  return turned === candidate;
}

/** `did you mean "docker41"?` or undefined. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const best = nearest(word, candidates);
  return best === undefined ? undefined : `did you mean "${best}"?`;
}
