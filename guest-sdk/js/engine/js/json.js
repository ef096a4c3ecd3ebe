// JSON.parse, for texts that strangers send. QuickJS calls itself for each value within another
// one, and ten kilobytes of `[` would use up the stack of wasm, which is a trap: it costs the
// instance, and is taken for a fault of the guest's version.

import { native } from './native.js';

/** How deep values may lie in one another. */
const NESTING_MAX = 1_000;

const { parse: parseAny } = JSON;

export function parse(text, reviver) {
  const string = `${text}`;
  if (string.length > NESTING_MAX && native.nesting(string) > NESTING_MAX) {
    throw new RangeError(`its values are nested more than ${NESTING_MAX} deep`);
  }
  return parseAny(string, reviver);
}
