// Headers: fields by name, in any case. A value is bytes, each of which is a character up to
// U+00FF, as everywhere on the web. So any value can be read and sent on as it came.

import { trim } from './fields.js';
import { utf8 } from './text.js';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function fieldName(name) {
  name = String(name);
  if (!TOKEN.test(name)) throw new TypeError(`${JSON.stringify(name)} can't be a header's name`);
  return name.toLowerCase();
}

function fieldValue(value) {
  value = trim(String(value), '\t\r\n ');
  if (/[\0\r\n]/.test(value))
    throw new TypeError(`${JSON.stringify(value)} can't be a header's value`);
  if (/[^\0-\xff]/.test(value)) {
    throw new TypeError(
      `${JSON.stringify(value)} can't be a header's value: it has a character above U+00FF. ` +
        'Encode it, for instance by encodeURIComponent',
    );
  }
  return value;
}

/** Returns the values of a field as one. Cookies have a separator of their own (RFC 9113, 8.2.3). */
const joined = (name, values) => values.join(name === 'cookie' ? '; ' : ', ');

export class Headers {
  /** Names in lower case, each with its values. */
  #fields = new Map();

  constructor(init) {
    if (init === undefined || init === null) return;
    if (typeof init !== 'object') throw new TypeError('Headers are made of pairs or of an object');
    const pairs = init[Symbol.iterator] ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }

  append(name, value) {
    name = fieldName(name);
    const values = this.#fields.get(name);
    if (values) values.push(fieldValue(value));
    else this.#fields.set(name, [fieldValue(value)]);
  }

  set(name, value) {
    this.#fields.set(fieldName(name), [fieldValue(value)]);
  }

  get(name) {
    name = fieldName(name);
    const values = this.#fields.get(name);
    return values === undefined ? null : joined(name, values);
  }

  /** Returns the first value of a field as text; null if there is none, or if it is not UTF-8. */
  _first(name) {
    const values = this.#fields.get(name);
    return values === undefined ? null : utf8(values[0]);
  }

  getSetCookie() {
    return [...(this.#fields.get('set-cookie') ?? [])];
  }

  has(name) {
    return this.#fields.has(fieldName(name));
  }

  delete(name) {
    this.#fields.delete(fieldName(name));
  }

  *entries() {
    for (const name of [...this.#fields.keys()].sort()) {
      const values = this.#fields.get(name);
      // Cookies are not to be joined (RFC 6265, section 3).
      if (name === 'set-cookie') for (const value of values) yield [name, value];
      else yield [name, joined(name, values)];
    }
  }

  *keys() {
    for (const [name] of this.entries()) yield name;
  }

  *values() {
    for (const [, value] of this.entries()) yield value;
  }

  forEach(each, self) {
    for (const [name, value] of this.entries()) each.call(self, value, name, this);
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  get [Symbol.toStringTag]() {
    return 'Headers';
  }
}
