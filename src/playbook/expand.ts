import type { Value } from '../inventory/types.js';
import { isSecret, kindOf } from './expression/values.js';
import { evaluate, evaluateCondition, isTemplate, type Plain, type Scope, TemplateError } from './template.js';
import type { Task } from './types.js';

/** A task for one host and one element of its loop. */
export interface ExpandedTask {
  readonly task: Task;
  /** The task's name with its templates evaluated, where that is possible. */
  readonly name: string;
  /** The loop's element for people: `docker42`. Undefined without a loop. */
  readonly label?: string;
  /** The loop's element; undefined without a loop. */
  readonly item?: Plain;
  /** The parameters, evaluated; null where the task is skipped. */
  readonly params: Plain;
  readonly delegateTo?: string;
  /** A condition was false. */
  readonly skipped?: 'when';
}

/** The scope of a task: with its variables, and with the loop's variable once there is one. */
export type TaskScope = (task: Task, loop: Readonly<Record<string, Plain>>) => Scope;

/**
 * What a task comes to on one host: one entry per element of its loop (one without a loop), in order.
 *
 * As in Ansible: the loop is evaluated first, then `when` for every element, then the parameters of what is not skipped;
 * where the loop itself has no value, a false `when` without an element still skips the task.
 *
 * @throws {TemplateError} and {UnknownInExpression} for the first template without a value.
 */
export function expandTask(task: Task, scopeOf: TaskScope): readonly ExpandedTask[] {
  if (task.loop === undefined) return [expandOne(task, scopeOf(task, {}))];
  let items: readonly Plain[];
  try {
    items = loopItems(task, scopeOf(task, {}));
  } catch (error) {
    if (error instanceof TemplateError && skippedWithoutItem(task, scopeOf(task, {}))) return [skipped(task)];
    throw error;
  }
  return items.map((item, index) => ({
    ...expandOne(task, scopeOf(task, { [task.loopVar]: item })),
    item,
    label: itemLabel(item, index),
  }));
}

/**
 * The parameters that a task may come to, as far as that can be told before facts exist: what has no value yet stays as it
 * is written. Never throws for a template.
 */
export function foreseeTask(task: Task, scopeOf: TaskScope): readonly Plain[] {
  const outer = scopeOf(task, {});
  const items = attempt(() => (task.loop === undefined ? undefined : loopItems(task, outer)));
  const scopes = items ? items.map((item) => scopeOf(task, { [task.loopVar]: item })) : [outer];
  return scopes
    .filter((scope) => !task.when.some((condition) => attempt(() => evaluateCondition(condition, scope)) === false))
    .map((scope) => evaluatePartly(task.params, scope));
}

/** Evaluates what can be; a string whose template has no value stays as it is written, a secret becomes null. */
export function evaluatePartly(value: Value, scope: Scope): Plain {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (typeof value === 'string') return attempt(() => evaluate(value, scope)) ?? value;
  if (isSecret(value)) return null;
  if (isList(value)) return value.map((item) => evaluatePartly(item, scope));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, evaluatePartly(item, scope)]));
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateError) return undefined;
    throw error;
  }
}

function expandOne(task: Task, scope: Scope): ExpandedTask {
  if (!task.when.every((condition) => evaluateCondition(condition, scope))) return skipped(task, scope);
  const expanded = { task, name: nameOf(task, scope), params: evaluate(task.params, scope) };
  if (task.delegateTo === undefined) return expanded;
  const delegateTo = evaluate(task.delegateTo, scope);
  if (typeof delegateTo === 'string' && delegateTo !== '') return { ...expanded, delegateTo };
  const spot = { text: task.delegateTo, offset: 0, via: [] };
  throw new TemplateError('type', '`delegate_to` must be the name of a host', spot);
}

function skipped(task: Task, scope?: Scope): ExpandedTask {
  return { task, name: scope ? nameOf(task, scope) : task.name, params: null, skipped: 'when' };
}

function skippedWithoutItem(task: Task, scope: Scope): boolean {
  return task.when.some((condition) => attempt(() => evaluateCondition(condition, scope)) === false);
}

function nameOf(task: Task, scope: Scope): string {
  if (!isTemplate(task.name)) return task.name;
  const name = attempt(() => evaluate(task.name, scope));
  return typeof name === 'string' || typeof name === 'number' ? String(name) : task.name;
}

function loopItems(task: Task, scope: Scope): readonly Plain[] {
  const items = evaluate(task.loop ?? null, scope);
  if (isList(items)) return items;
  const spot = { text: typeof task.loop === 'string' ? task.loop : 'loop', offset: 0, via: [] };
  const isMap = typeof items === 'object' && items !== null;
  const fix = isMap ? 'write `| dict2items`: its elements have `key` and `value`' : 'write a list, or `[value]`';
  throw new TemplateError('type', `\`loop\` wants a list, and this is ${kindOf(items)}`, spot, fix);
}

/** An element for people: itself if it is short, the first of its names if it is a map, else its number. */
function itemLabel(item: Plain, index: number): string {
  if (typeof item === 'string' || typeof item === 'number' || typeof item === 'boolean')
    return String(item).slice(0, 80);
  if (typeof item === 'object' && item !== null && !isList(item)) {
    for (const key of ['name', 'peer', 'host', 'path', 'key', 'to', 'address']) {
      const value = Object.hasOwn(item, key) ? item[key] : undefined;
      if (typeof value === 'string' || typeof value === 'number') return String(value).slice(0, 80);
    }
  }
  return `${index + 1}.`;
}

function isList<T>(value: readonly T[] | unknown): value is readonly T[] {
  return Array.isArray(value);
}
