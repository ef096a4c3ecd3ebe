// URL and URLSearchParams, as the WHATWG has them. The crate `url` parses, and sets parts.

import { native } from './native.js';
import { decode } from './text.js';

/** The parts of a URL in the order in which `native.url` returns them. */
const PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
];

/** Tells a URL that its parameters have changed. */
const CHANGED = Symbol('changed');

function unescape(text) {
  text = text.replaceAll('+', ' ');
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // What is not UTF-8 becomes U+FFFD, and a `%` without two digits stays.
    const bytes = [];
    const wanted = /%([0-9a-fA-F]{2})|([^%]+|%)/gy;
    for (const [, hex, rest] of text.matchAll(wanted)) {
      if (hex) bytes.push(Number.parseInt(hex, 16));
      else bytes.push(...native.encode(rest));
    }
    return decode(new Uint8Array(bytes));
  }
}

function escape(text) {
  const escaped = encodeURIComponent(text.toWellFormed());
  return escaped
    .replaceAll('%20', '+')
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Returns the names and values of a query or a form, in their order, decoded. */
export function* pairs(text) {
  // One by one: whoever reads may stop at a limit, before a list of millions is made.
  for (let [start, end] = [0, 0]; start <= text.length; start = end + 1) {
    const next = text.indexOf('&', start);
    end = next < 0 ? text.length : next;
    const pair = text.slice(start, end);
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    yield [unescape(name), unescape(value)];
  }
}

export class URLSearchParams {
  #pairs = [];
  [CHANGED] = undefined;

  constructor(init = '') {
    if (init !== null && typeof init === 'object') {
      const pairs = init[Symbol.iterator] ? init : Object.entries(init);
      for (const [name, value] of pairs) this.#pairs.push([String(name), String(value)]);
    } else {
      for (const pair of pairs(String(init).replace(/^\?/, ''))) this.#pairs.push(pair);
    }
  }

  get size() {
    return this.#pairs.length;
  }

  append(name, value) {
    this.#pairs.push([String(name), String(value)]);
    this[CHANGED]?.();
  }

  delete(name, value) {
    const goes = (pair) => pair[0] === name && (value === undefined || pair[1] === String(value));
    this.#pairs = this.#pairs.filter((pair) => !goes(pair));
    this[CHANGED]?.();
  }

  get(name) {
    return this.#pairs.find((pair) => pair[0] === name)?.[1] ?? null;
  }

  getAll(name) {
    return this.#pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  }

  has(name, value) {
    return this.#pairs.some(
      (pair) => pair[0] === name && (value === undefined || pair[1] === String(value)),
    );
  }

  set(name, value) {
    const first = this.#pairs.find((pair) => pair[0] === name);
    if (!first) return this.append(name, value);
    first[1] = String(value);
    this.#pairs = this.#pairs.filter((pair) => pair === first || pair[0] !== name);
    this[CHANGED]?.();
  }

  sort() {
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this[CHANGED]?.();
  }

  forEach(each, self) {
    for (const [name, value] of this) each.call(self, value, name, this);
  }

  *entries() {
    for (const [name, value] of this.#pairs) yield [name, value];
  }

  *keys() {
    for (const [name] of this.#pairs) yield name;
  }

  *values() {
    for (const [, value] of this.#pairs) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  toString() {
    return this.#pairs.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&');
  }

  get [Symbol.toStringTag]() {
    return 'URLSearchParams';
  }
}

/** How much of a text is shown that is no URL. */
const SHOWN_MAX = 200;

const invalid = (url) => new TypeError(`Invalid URL: ${String(url).slice(0, SHOWN_MAX)}`);

export class URL {
  /** The parts in the order of `PARTS`. */
  #parts;
  #searchParams;

  constructor(url, base) {
    this.#parts = native.url(String(url), base === undefined ? undefined : String(base));
    if (this.#parts === null) throw invalid(url);
  }

  static canParse(url, base) {
    return native.url(String(url), base === undefined ? undefined : String(base)) !== null;
  }

  static parse(url, base) {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }

  static {
    for (const [index, name] of PARTS.entries()) {
      Object.defineProperty(URL.prototype, name, {
        get() {
          return this.#parts[index];
        },
        set:
          name === 'origin'
            ? undefined
            : function (value) {
                this.#set(name, String(value));
              },
        enumerable: true,
        configurable: true,
      });
    }
  }

  #set(name, value) {
    const [href] = this.#parts;
    const parts = name === 'href' ? native.url(value) : native.url(href, undefined, name, value);
    if (parts === null) throw invalid(value);
    this.#parts = parts;
    this.#searchParams = undefined;
  }

  get searchParams() {
    if (this.#searchParams === undefined) {
      const params = new URLSearchParams(this.search);
      params[CHANGED] = () => {
        this.#parts = native.url(this.href, undefined, 'search', params.toString());
      };
      this.#searchParams = params;
    }
    return this.#searchParams;
  }

  toString() {
    return this.href;
  }

  toJSON() {
    return this.href;
  }

  get [Symbol.toStringTag]() {
    return 'URL';
  }
}
