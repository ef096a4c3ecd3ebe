// What pendings are settled with, and who settles them.

import { native } from './native.js';
import { Response } from './messages.js';
import { decode, octets } from './text.js';

/** A wait that failed, because somebody settled it with an error: with one like this. */
export class Failure extends Error {
  constructor(code, message = '') {
    super(message);
    this.name = 'Failure';
    this.code = String(code);
  }

  /** Returns the failure of a job that is not to be tried again. */
  static giveUp(message = '') {
    return new Failure('give-up', message);
  }
}

/** What a pending was settled with: bytes, or a response. */
export class Settlement {
  #bytes;
  /** The response, if it was settled with one, else null. */
  response;

  constructor(bytes, response = null) {
    this.#bytes = bytes;
    this.response = response;
  }

  bytes() {
    return this.#bytes;
  }

  text() {
    return decode(this.#bytes);
  }

  json() {
    return JSON.parse(this.text());
  }

  toString() {
    return this.text();
  }

  get [Symbol.toStringTag]() {
    return 'Settlement';
  }
}

/** Returns what the host hands over as a settlement; throws what is a failure. */
export function settled({ tag, val }) {
  if (tag === 'failed') throw new Failure(val.code, val.message);
  if (tag === 'value') return new Settlement(val);
  return new Settlement(val.body, new Response(val.body, val));
}

/** Returns a value as the host takes it for a settlement. */
export function settlement(value) {
  if (value === undefined) return { tag: 'value', val: '' };
  if (typeof value === 'string') return { tag: 'value', val: value };
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return { tag: 'value', val: octets(value) };
  }
  if (value instanceof Response) return { tag: 'response', val: lower(value) };
  if (value instanceof Error) {
    return { tag: 'failed', val: { code: String(value.code ?? 'error'), message: value.message } };
  }
  if (value instanceof Settlement) {
    return value.response ? settlement(value.response) : { tag: 'value', val: value.bytes() };
  }
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`a pending can't be settled with a ${typeof value}`);
  return { tag: 'value', val: text };
}

/** Returns a response as the host takes it. */
export function lower(response) {
  return {
    status: response.status,
    headers: [...response.headers],
    body: response._content,
  };
}

export const setResult = (token, value) => native.setResult(String(token), settlement(value));
export const setNext = (key, value) => native.setNext(String(key), settlement(value));
export const setAll = (key, value) => native.setAll(String(key), settlement(value));
export const waiting = (key) => native.waiting(String(key));
