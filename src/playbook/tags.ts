import { type Fault, InputError } from '../errors.js';
import { nearest } from '../inventory/nearest.js';
import type { Playbook } from './types.js';

export interface TagSelection {
  /** Run only tasks with one of these (and those tagged `always`); empty: all but those tagged `never`. */
  readonly tags: readonly string[];
  /** Leave out tasks with one of these, whatever else selects them. */
  readonly skipTags: readonly string[];
}

/** Tags that select by rule, not by name. */
export const ruleTags = ['all', 'tagged', 'untagged'] as const;

/**
 * The playbook with the tasks that the tags select, as `ansible-playbook --tags --skip-tags` does: a task has its play's
 * tags too, `always` runs unless it is skipped by name, `never` runs only if one of the task's tags is asked for. Handlers
 * stay: they run when something notifies them.
 *
 * @throws {InputError} if no task has a tag that was asked for.
 */
export function selectTasks(playbook: Playbook, selection: TagSelection): Playbook {
  const known = tagsOf(playbook);
  const faults = [...selection.tags, ...selection.skipTags]
    .filter((tag) => ![...ruleTags, 'always', 'never', ...known].includes(tag))
    .map((tag) => unknownTag(tag, known, playbook.file));
  const [first, ...rest] = faults;
  if (first) throw new InputError([first, ...rest]);
  const plays = playbook.plays.map((play) => ({
    ...play,
    tasks: play.tasks.filter((task) => runs(new Set([...play.tags, ...task.tags]), selection)),
  }));
  return { ...playbook, plays };
}

/** Every tag of the playbook, sorted. */
export function tagsOf(playbook: Playbook): readonly string[] {
  const tags = playbook.plays.flatMap((play) => [...play.tags, ...play.tasks.flatMap((task) => task.tags)]);
  return [...new Set(tags)].sort();
}

function runs(tags: ReadonlySet<string>, { tags: wanted, skipTags }: TagSelection): boolean {
  const selects = (asked: readonly string[]): boolean =>
    asked.some(
      (tag) => tags.has(tag) || (tag === 'tagged' && tags.size > 0) || (tag === 'untagged' && tags.size === 0),
    );
  const byRule = !tags.has('never') && (wanted.length === 0 || wanted.includes('all') || selects(wanted));
  const byName = wanted.some((tag) => tags.has(tag));
  if (!byRule && !byName && !tags.has('always')) return false;
  if (skipTags.includes('all') && !(tags.has('always') && !skipTags.includes('always'))) return false;
  return !selects(skipTags);
}

function unknownTag(tag: string, known: readonly string[], file: string): Fault {
  const near = nearest(tag, known);
  const all = known.length > 0 ? `there are: ${known.join(', ')}` : 'no task there has a tag';
  return { message: `no task of ${file} has the tag ${tag}`, fix: near === undefined ? all : `did you mean ${near}?` };
}
