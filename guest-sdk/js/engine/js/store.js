// The store: buckets of keys, each with a value, that outlive the call.

import { native } from './native.js';
import { decode, encode, octets } from './text.js';
import { Pending, roomy } from './waiting.js';

/** How often `update` tries. */
const UPDATES_MAX = 1_000;

/** What an error says of which the host gives no words. */
const MESSAGES = {
  denied: 'the host does not allow this guest to use this bucket here: its log says what to do',
  'not-an-integer': 'the value is no integer, or the sum does not fit into 64 bits',
};

/** Why the store did nothing. */
export class StoreError extends Error {
  constructor(code, message, entry = null) {
    super(message);
    this.name = 'StoreError';
    this.code = code;
    this.entry = entry;
  }
}

/** What a key holds. */
class Entry {
  constructor([value, version]) {
    this.value = value;
    this.version = version;
  }

  text() {
    return decode(this.value);
  }

  json() {
    return JSON.parse(this.text());
  }

  get [Symbol.toStringTag]() {
    return 'Entry';
  }
}

const lift = (held) => (held === null ? null : new Entry(held));

/** Returns what the store has returned; throws what it has refused. */
function told({ code, ok, message, entry }) {
  if (code === undefined) return ok;
  if (code !== 'conflict') throw new StoreError(code, message ?? MESSAGES[code]);
  const held = lift(entry);
  const words = held ? `the key has version ${held.version} by now` : 'the key does not exist';
  throw new StoreError(code, words, held);
}

/** Returns a value as the store keeps it: a text, or bytes. */
function lower(value) {
  if (typeof value === 'string') return value;
  if (value instanceof Entry) return value.value;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return octets(value);
  const text = JSON.stringify(value);
  if (text === undefined) {
    throw new TypeError(`a ${typeof value} can't be stored: give a text, bytes or a JSON value`);
  }
  return text;
}

/** Returns a version, of an entry or as a number. */
function number(version, what) {
  const number = version instanceof Entry ? version.version : version;
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new TypeError(`${what}, not ${typeof version === 'string' ? `'${version}'` : version}`);
}

/** Returns a condition as the host takes it. No version is 0. */
function condition(only) {
  if (only === undefined) return undefined;
  return only === 'absent' ? 0 : number(only, "`only` is 'absent' or the version of an entry");
}

function expiry(expiresMs) {
  if (expiresMs === undefined) return undefined;
  const time = Math.ceil(Number(expiresMs));
  if (time >= 0 && time <= Number.MAX_SAFE_INTEGER) return time;
  throw new RangeError(`\`expiresMs\` is a number of milliseconds, not ${expiresMs}`);
}

/** A bucket. The host opens it for each operation: before, nothing is asked. */
class Bucket {
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  get(key) {
    return lift(told(native.storeGet(this.#name, String(key))));
  }

  set(key, value, { expiresMs, only } = {}) {
    const [until, when] = [expiry(expiresMs), condition(only)];
    return told(native.storeSet(this.#name, String(key), lower(value), until, when));
  }

  delete(key, { only } = {}) {
    return told(native.storeDelete(this.#name, String(key), condition(only)));
  }

  increment(key, by = 1) {
    if (typeof by !== 'bigint' && !Number.isSafeInteger(by)) {
      throw new RangeError(`what is added is an integer, not ${by}: give a bigint for a large one`);
    }
    const digits = told(native.storeIncrement(this.#name, String(key), String(by)));
    const sum = Number(digits);
    return Number.isSafeInteger(sum) ? sum : BigInt(digits);
  }

  *keys(prefix = '') {
    let after;
    do {
      const [keys, next] = told(native.storeList(this.#name, String(prefix), after));
      yield* keys;
      after = next ?? undefined;
    } while (after !== undefined);
  }

  changed(key, since = null) {
    const seen =
      since === null ? undefined : number(since, '`since` is an entry, its version, or null');
    return new Pending(
      roomy(() => told(native.storeChanged(this.#name, String(key), seen))),
    );
  }

  update(key, change) {
    let held = this.get(key);
    for (let tried = 0; tried < UPDATES_MAX; tried += 1) {
      const value = change(held);
      if (typeof value?.then === 'function') {
        throw new TypeError('the function of `update` returned a promise: it can not be async');
      }
      const lowered = lower(value);
      const bytes = typeof lowered === 'string' ? encode(lowered) : lowered;
      try {
        const version = this.set(key, bytes, { only: held ?? 'absent' });
        return new Entry([bytes, version]);
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== 'conflict') throw error;
        held = error.entry;
      }
    }
    throw new StoreError('conflict', `others were faster ${UPDATES_MAX} times`, held);
  }

  get [Symbol.toStringTag]() {
    return 'Bucket';
  }
}

/** Returns a bucket: the guest's own, or another one that it may use. */
export const bucket = (name = 'default') => new Bucket(String(name));
