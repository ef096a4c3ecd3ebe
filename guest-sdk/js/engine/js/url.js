// URL and URLSearchParams, as the WHATWG has them. The crate `url` parses, and sets parts.

import { native } from './native.js';
import { Pairs } from './pairs.js';
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

export class URLSearchParams extends Pairs {
  [CHANGED] = undefined;

  constructor(init = '') {
    super();
    if (init !== null && typeof init === 'object') {
      const pairs = init[Symbol.iterator] ? init : Object.entries(init);
      for (const [name, value] of pairs) this._list.push([String(name), String(value)]);
    } else {
      for (const pair of pairs(String(init).replace(/^\?/, ''))) this._list.push(pair);
    }
  }

  get size() {
    return this._list.length;
  }

  append(name, value) {
    this._list.push([String(name), String(value)]);
    this[CHANGED]?.();
  }

  set(name, value) {
    this._replace([String(name), String(value)]);
    this[CHANGED]?.();
  }

  delete(name, value) {
    this._remove(name, value);
    this[CHANGED]?.();
  }

  has(name, value) {
    return this._has(name, value);
  }

  sort() {
    this._list.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this[CHANGED]?.();
  }

  toString() {
    return this._list.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&');
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
