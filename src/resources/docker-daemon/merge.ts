import { type Json, type JsonObject, type Member, scanJson } from './json-text.js';

/**
 * JSON Merge Patch (RFC 7396) on values: objects are merged member by member, null takes a member away, everything else
 * replaces what was there.
 */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

/** The patch that takes `patch` back: each member becomes what `target` has there, or goes where it has none. */
export function reversePatch(target: JsonObject, patch: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(patch).map(([name, value]) => {
      const was = Object.hasOwn(target, name) ? target[name] : undefined;
      return [name, isObject(was) && isObject(value) ? reversePatch(was, value) : (was ?? null)];
    }),
  );
}

/** Whether two values are the same JSON, in whatever order their members stand. */
export function sameJson(one: Json, other: Json): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, at) => sameJson(item, other[at] ?? null));
  }
  if (!isObject(one) || !isObject(other)) return JSON.stringify(one) === JSON.stringify(other);
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && sameJson(one[name] ?? null, other[name] ?? null))
  );
}

/**
 * The same on a text, so that what the patch does not speak of keeps its bytes: order, indentation, numbers that a
 * double cannot hold. New members follow the last one, written as the others are. A text of white space alone, as
 * dockerd takes it, is an empty object.
 *
 * @throws {JsonTextError} if the text is not JSON.
 */
export function mergeText(text: string, patch: JsonObject): string {
  if (text.trim() === '') return `${JSON.stringify(mergePatch({}, patch), null, 2)}\n`;
  const { at, end, members } = scanJson(text);
  const layout = layoutOf(text);
  const merged =
    members === null ? render(mergePatch({}, patch), layout, '') : mergeObject(text.slice(at, end), patch, layout, '');
  return text.slice(0, at) + merged + text.slice(end);
}

/** How a text is laid out: its indentation (empty: all in one line) and its line end. */
interface Layout {
  readonly indent: string;
  readonly newline: string;
}

function layoutOf(text: string): Layout {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const indent = /\n([ \t]+)["}]/.exec(text)?.[1];
  if (indent !== undefined) return { indent, newline };
  const empty = /^\s*\{\s*\}\s*$/.test(text);
  return { indent: empty || text.trim().includes('\n') ? '  ' : '', newline };
}

function mergeObject(text: string, patch: JsonObject, layout: Layout, margin: string): string {
  const members = scanJson(text).members ?? [];
  const edits = new Map<Member, string | null>();
  const added: string[] = [];
  const inner = margin + layout.indent;
  for (const [name, value] of Object.entries(patch)) {
    // Of two members of one name the last one counts, for JSON.parse as for dockerd.
    const own = members.filter((member) => member.name === name);
    const last = own.at(-1);
    if (value === null) for (const member of own) edits.set(member, null);
    else if (last === undefined)
      added.push(`${JSON.stringify(name)}: ${render(mergePatch(undefined, value), layout, inner)}`);
    else edits.set(last, mergeValue(text.slice(last.valueAt, last.end), value, layout, inner));
  }
  const kept = members.filter((member) => edits.get(member) !== null);
  if (kept.length === 0 && added.length === 0) return members.length === 0 ? text : '{}';
  if (kept.length === 0) return block(added, layout, margin);
  return splice(text, members, edits, kept, added, layout, inner);
}

function mergeValue(text: string, patch: Json, layout: Layout, margin: string): string {
  if (!isObject(patch)) return same(text, patch) ? text : render(patch, layout, margin);
  const isObjectText = text.startsWith('{');
  return isObjectText ? mergeObject(text, patch, layout, margin) : render(mergePatch({}, patch), layout, margin);
}

/** Members that stay keep what stands before them; a member that goes takes along what stands before it. */
function splice(
  text: string,
  members: readonly Member[],
  edits: ReadonlyMap<Member, string | null>,
  kept: readonly Member[],
  added: readonly string[],
  layout: Layout,
  inner: string,
): string {
  const first = members[0];
  const last = members.at(-1);
  let out = text.slice(0, first?.nameAt ?? 1);
  members.forEach((member, at) => {
    const edit = edits.get(member);
    if (edit === null) return;
    const before = members[at - 1];
    if (member !== kept[0] && before) out += text.slice(before.end, member.nameAt);
    out +=
      edit === undefined ? text.slice(member.nameAt, member.end) : text.slice(member.nameAt, member.valueAt) + edit;
  });
  const separator = layout.indent === '' ? ', ' : `,${layout.newline}${inner}`;
  for (const member of added) out += separator + member;
  return out + text.slice(last?.end ?? text.length - 1);
}

function block(members: readonly string[], layout: Layout, margin: string): string {
  if (layout.indent === '') return `{${members.join(', ')}}`;
  const { indent, newline } = layout;
  return `{${newline}${members.map((member) => margin + indent + member).join(`,${newline}`)}${newline}${margin}}`;
}

function render(value: Json, layout: Layout, margin: string): string {
  if (layout.indent === '') return JSON.stringify(value);
  return JSON.stringify(value, null, layout.indent).replaceAll('\n', `${layout.newline}${margin}`);
}

function same(text: string, value: Json): boolean {
  return JSON.stringify(JSON.parse(text)) === JSON.stringify(value);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
