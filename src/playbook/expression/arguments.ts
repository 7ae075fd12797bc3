import type { Complain } from './lexer.js';
import { filterArity, testArity, whyNoSuch } from './names.js';
import type { Arguments } from './syntax.js';

/** Complains of a filter or test that does not exist, and of arguments that it does not take. */
export function checkArguments(
  what: 'filter' | 'test',
  { text, at }: { readonly text: string; readonly at: number },
  { positional, named }: Arguments,
  complain: Complain,
): void {
  const arity = what === 'filter' ? filterArity(text) : testArity(text);
  if (arity === undefined) {
    const { problem, fix } = whyNoSuch(what, text);
    complain(problem, at, fix);
    return;
  }
  const given = new Set(arity.parameters.slice(0, positional.length));
  for (const [name, value] of named) {
    if (!arity.parameters.includes(name))
      complain(`the ${what} ${text} has no argument ${name}`, value.at, arity.usage);
    if (given.has(name)) complain(`the argument ${name} is given twice`, value.at);
    given.add(name);
  }
  if (positional.length > arity.max) complain(`the ${what} ${text} has too many arguments`, at, arity.usage);
  const wanting = arity.parameters.slice(0, arity.min).some((name) => !given.has(name));
  if (wanting) complain(`the ${what} ${text} needs more arguments`, at, arity.usage);
}
