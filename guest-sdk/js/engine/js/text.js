// TextEncoder and TextDecoder, for UTF-8 alone.

import { native } from './native.js';

export class TextEncoder {
  get encoding() {
    return 'utf-8';
  }

  encode(text = '') {
    return native.encode(String(text));
  }

  encodeInto(text, target) {
    let read = 0;
    let written = 0;
    for (const character of String(text)) {
      const bytes = native.encode(character);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      read += character.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

export class TextDecoder {
  #fatal;
  #ignoreBOM;

  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    if (!/^\s*(unicode-1-1-)?utf-?8\s*$/i.test(label)) {
      throw new RangeError(`TextDecoder knows utf-8 alone, not ${label}`);
    }
    this.#fatal = fatal;
    this.#ignoreBOM = ignoreBOM;
  }

  get encoding() {
    return 'utf-8';
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(bytes, { stream = false } = {}) {
    if (stream) throw new TypeError('TextDecoder decodes whole texts: `stream` is not supported');
    if (bytes === undefined) return '';
    const text = native.decode(octets(bytes), this.#fatal);
    if (text === null) throw new TypeError('the bytes are not UTF-8');
    return this.#ignoreBOM ? text : text.replace(/^\uFEFF/, '');
  }
}

/** Returns a view of the bytes of a buffer, or of any view of one. */
export function octets(bytes) {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes)) {
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  throw new TypeError('these are no bytes: give an ArrayBuffer or a view of one');
}

/** Returns bytes as text, with U+FFFD for what is not UTF-8. */
export const decode = (bytes) => native.decode(bytes, false);

/** Returns bytes, each of which is a character, as text; null for what is not UTF-8. */
export function utf8(value) {
  if (!/[^\0-\x7f]/.test(value)) return value;
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
  return native.decode(bytes, true);
}

/** Returns text as bytes. */
export const encode = (text) => native.encode(text);
