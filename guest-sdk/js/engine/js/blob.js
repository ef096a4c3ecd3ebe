// Blob, File and FormData, in the shapes of the web. The bytes lie in memory, and there are no
// streams.

import { Pairs } from './pairs.js';
import { decode, encode, octets } from './text.js';

const bytesOf = (part) => {
  if (part instanceof Blob) return part._bytes;
  if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) return octets(part);
  return encode(String(part));
};

const kindOf = (type) => (/^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : '');

/** Says that a constructor gets bytes that nobody else changes. */
const OWN = Symbol('own');

export class Blob {
  #bytes;
  #type;

  constructor(parts = [], { type = '' } = {}) {
    this.#type = kindOf(String(type));
    if (parts[0] === OWN) {
      [, this.#bytes, this.#type] = parts;
      return;
    }
    const list = [...parts].map(bytesOf);
    this.#bytes = new Uint8Array(list.reduce((sum, bytes) => sum + bytes.length, 0));
    let at = 0;
    for (const bytes of list) {
      this.#bytes.set(bytes, at);
      at += bytes.length;
    }
  }

  get _bytes() {
    return this.#bytes;
  }

  get size() {
    return this.#bytes.length;
  }

  get type() {
    return this.#type;
  }

  async bytes() {
    return this.#bytes.slice();
  }

  async arrayBuffer() {
    return this.#bytes.slice().buffer;
  }

  async text() {
    return decode(this.#bytes);
  }

  slice(start, end, type = '') {
    return new Blob([OWN, this.#bytes.subarray(start, end), kindOf(String(type))]);
  }

  get [Symbol.toStringTag]() {
    return 'Blob';
  }
}

export class File extends Blob {
  #name;
  #lastModified;

  constructor(parts, name, { type = '', lastModified } = {}) {
    super(parts, { type });
    this.#name = String(name);
    this.#lastModified = lastModified ?? Date.now();
  }

  /** Makes a file of bytes that lie in a request's content. */
  static _of(bytes, name, type) {
    return new File([OWN, bytes, type], name);
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#lastModified;
  }

  get [Symbol.toStringTag]() {
    return 'File';
  }
}

function entry(name, value, fileName) {
  name = String(name).toWellFormed();
  if (!(value instanceof Blob)) return [name, String(value).toWellFormed()];
  if (value instanceof File && fileName === undefined) return [name, value];
  return [name, File._of(value._bytes, fileName ?? 'blob', value.type)];
}

export class FormData extends Pairs {
  constructor(form) {
    super();
    if (form !== undefined) throw new TypeError('there are no elements here to make a form of');
  }

  append(name, value, fileName) {
    this._list.push(entry(name, value, fileName));
  }

  set(name, value, fileName) {
    this._replace(entry(name, value, fileName));
  }

  delete(name) {
    this._remove(name);
  }

  has(name) {
    return this._has(name);
  }

  get [Symbol.toStringTag]() {
    return 'FormData';
  }
}
