// Texts that mean something else: a number in a path, a switch in snow.toml.

import { HTTPError } from './failures.js';
import { parse as parseJson } from './json.js';

/** A text that is not of its kind. */
export class Unparsed extends Error {
  constructor(message, isOwn, cause) {
    super(message, { cause });
    /** Whether the words are from here, and so without any part of the text. */
    this.isOwn = isOwn;
  }
}

/** The kinds: what is said of any other text, and what reads it. Undefined is none of the kind. */
const KINDS = {
  integer: [
    `not an integer from ${Number.MIN_SAFE_INTEGER} to ${Number.MAX_SAFE_INTEGER}`,
    (text) => {
      const number = /^[+-]?\d+$/.test(text) ? Number(text) : NaN;
      // `-0` is 0.
      return Number.isSafeInteger(number) ? number + 0 : undefined;
    },
  ],
  number: [
    'not a number',
    (text) => {
      const number = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
      return Number.isFinite(number) ? number : undefined;
    },
  ],
  boolean: [
    'neither `true` nor `false`',
    (text) => (text === 'true' || text === 'false' ? text === 'true' : undefined),
  ],
  json: [
    'not JSON',
    (text) => {
      try {
        return parseJson(text);
      } catch {
        return undefined;
      }
    },
  ],
};

/** Returns what a text means: by the word of a kind, or by a function of the guest. */
export function parse(kind, text) {
  if (typeof kind !== 'function') {
    if (!Object.hasOwn(KINDS, kind)) {
      const words = Object.keys(KINDS).map((each) => `'${each}'`);
      throw new TypeError(`a kind is ${words.join(', ')} or a function, not ${String(kind)}`);
    }
    const [words, read] = KINDS[kind];
    const value = read(text);
    if (value === undefined) throw new Unparsed(words, true);
    return value;
  }
  let value;
  try {
    value = kind(text);
  } catch (error) {
    if (error instanceof HTTPError) throw error;
    throw new Unparsed(error instanceof Error ? error.message : String(error), false, error);
  }
  // So `Number` is a kind.
  if (value === undefined || Number.isNaN(value)) throw new Unparsed("it can't be used", false);
  return value;
}

/** Returns what a text of a client means. What is not of its kind is answered so, with its name. */
export function parsedBy(kind, name, text, status = 400) {
  try {
    return parse(kind, text);
  } catch (error) {
    if (!(error instanceof Unparsed)) throw error;
    throw new HTTPError(status, `\`${name}\`: ${error.message}`, { cause: error.cause ?? error });
  }
}
