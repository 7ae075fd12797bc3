/**
 * Turns any text into one POSIX shell word that expands to exactly that text.
 *
 * The only way by which text from a file or a host may get into a command. Single quotes keep every byte but the single
 * quote itself (POSIX.1-2017, Shell Command Language, 2.2.2), which is closed, escaped and opened again.
 *
 * @throws {Error} if the text holds a NUL, which no shell word can carry.
 */
export function quote(text: string): string {
  if (text.includes('\0')) throw new Error('a NUL character cannot be passed to a shell');
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Quotes every word and joins them with spaces: an argument vector as one command line. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
