// Texts that a client keeps and can't change. The format is that of the SDKs for all languages:
// `guest-sdk/src/signed.rs` describes it.

import { native } from './native.js';
import { bucket, StoreError } from './store.js';
import { decode, encode, octets } from './text.js';

/** Bytes of a secret at least: what SHA-256 makes of a longer one. */
const SECRET_BYTES_MIN = 32;
/** The key of a bucket that holds signing keys. */
const STORED = 'signing-keys';
/** How much later than this host's clock another host may have signed. */
const SKEW_SECONDS = 60;

const VERSION_MAX = 0xffff_ffff;

const WORDS = {
  malformed: 'it is no signed text, or was cut',
  'unknown-key': 'there is no signing key of its version',
  forged: 'its value, its time or its name was changed',
  expired: 'it was signed too long ago',
  'from-the-future': 'it was signed later than now',
};

/** Why a signed text is not taken. */
export class SignatureError extends Error {
  constructor(code) {
    super(WORDS[code]);
    this.name = 'SignatureError';
    this.code = code;
  }
}

export const nowSeconds = () => Math.floor(Date.now() / 1_000);

/**
 * Returns the bytes that are signed. The length of the name stands first, so that no other name and
 * text give these bytes.
 */
function message(name, signed) {
  const [own, rest] = [encode(name), encode(signed)];
  const bytes = new Uint8Array(8 + own.length + rest.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(own.length));
  bytes.set(own, 8);
  bytes.set(rest, 8 + own.length);
  return bytes;
}

/** Returns a version, of a text or as a number; undefined for what is none. */
function version(text) {
  if (!/^\+?\d+$/.test(text)) return undefined;
  const number = Number(text);
  return number <= VERSION_MAX ? number : undefined;
}

/** Says whether a text is a time in seconds, of 64 bits. */
export const isTime = (text) => /^\+?\d{1,40}$/.test(text) && BigInt(text) >> 64n === 0n;

const random = () => native.random(SECRET_BYTES_MIN);

/** Secret keys that sign by HMAC-SHA256, each with a version. */
export class SigningKeys {
  /** Pairs of a version and a secret; the first one signs. */
  #keys = [];

  constructor(version, secret) {
    this.#add(version, secret);
  }

  /** Returns these keys and an older one, whose texts are taken too. */
  andOlder(version, secret) {
    const keys = SigningKeys.#of(this.#keys);
    keys.#add(version, secret);
    return keys;
  }

  static #of([[first, secret], ...older]) {
    const keys = new SigningKeys(first, secret);
    for (const [version, secret] of older) keys.#add(version, secret);
    return keys;
  }

  #add(version, secret) {
    if (!Number.isInteger(version) || version < 0 || version > VERSION_MAX) {
      throw new RangeError(`the version of a signing key is a number of 32 bits, not ${version}`);
    }
    const bytes = typeof secret === 'string' ? encode(secret) : octets(secret).slice();
    if (bytes.length < SECRET_BYTES_MIN) {
      throw new RangeError(
        `a signing key has ${SECRET_BYTES_MIN} random bytes or more, not ${bytes.length}`,
      );
    }
    if (this.#keys.some(([known]) => known === version)) {
      throw new RangeError(`there are two signing keys of version ${version}`);
    }
    this.#keys.push([version, bytes]);
  }

  /** Returns the keys that a bucket holds; a random one that it holds from now on, if none. */
  static stored(own = bucket()) {
    const held = own.get(STORED);
    if (held !== null) return SigningKeys._parse(held.text());
    const fresh = new SigningKeys(1, random());
    try {
      own.set(STORED, fresh._text(), { only: 'absent' });
      return fresh;
    } catch (error) {
      if (!(error instanceof StoreError) || error.entry === null) throw error;
      return SigningKeys._parse(error.entry.text());
    }
  }

  /** Puts a random key before those that a bucket holds, and keeps so many in all. */
  static rotate(own = bucket(), keep = 2) {
    const entry = own.update(STORED, (held) => {
      const keys = SigningKeys.#readable(held);
      const next = Math.max(0, ...keys.map(([version]) => version)) + 1;
      return SigningKeys.#of([[next, random()], ...keys].slice(0, Math.max(1, keep)))._text();
    });
    return SigningKeys._parse(entry.text());
  }

  /** Returns the keys of an entry. Those that can't be read sign nothing anyway. */
  static #readable(held) {
    try {
      return SigningKeys._parse(held?.text() ?? '').#keys;
    } catch {
      return [];
    }
  }

  _text() {
    return this.#keys
      .map(([version, secret]) => `${version} ${native.toBase64(secret)}\n`)
      .join('');
  }

  static _parse(text) {
    const unreadable = () => new Error(`the bucket's \`${STORED}\` can't be read`);
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === '') lines.pop();
    if (lines.length === 0) throw unreadable();
    return SigningKeys.#of(
      lines.map((line) => {
        const [number, secret] = line.split(/ (.*)/s);
        const pair = [version(number), native.fromBase64(secret ?? '')];
        if (secret === undefined || pair.includes(undefined) || pair.includes(null)) {
          throw unreadable();
        }
        return pair;
      }),
    );
  }

  /** Signs a value under a name. */
  sign(name, value) {
    return this._signAt(name, value, nowSeconds());
  }

  /** Returns the value of a text that was signed under this name, at most so long ago. */
  verify(name, text, maxAgeSeconds) {
    return this._verifyAt(name, text, maxAgeSeconds, nowSeconds());
  }

  _signAt(name, value, now) {
    const [[version, secret]] = this.#keys;
    const signed = `1.${version}.${now}.${native.toBase64(String(value))}`;
    return `${signed}.${native.toBase64(native.hmac(secret, message(String(name), signed)))}`;
  }

  _verifyAt(name, text, maxAgeSeconds, now) {
    if (!(maxAgeSeconds >= 0)) {
      throw new RangeError(`the age of a signature is a number of seconds, not ${maxAgeSeconds}`);
    }
    const parts = String(text).split('.');
    const [format, number, time, value, code] = parts;
    const sent = parts.length === 5 && format === '1' ? native.fromBase64(code) : null;
    if (sent === null || version(number) === undefined) throw new SignatureError('malformed');
    const key = this.#keys.find(([known]) => known === version(number));
    if (key === undefined) throw new SignatureError('unknown-key');
    const signed = parts.slice(0, 4).join('.');
    // In constant time.
    if (!native.hmacIs(key[1], message(String(name), signed), sent)) {
      throw new SignatureError('forged');
    }
    // From here on it is our own text.
    if (!isTime(time)) throw new SignatureError('malformed');
    if (Number(time) > now + SKEW_SECONDS) throw new SignatureError('from-the-future');
    if (now - Number(time) > maxAgeSeconds) throw new SignatureError('expired');
    const bytes = native.fromBase64(value);
    const plain = bytes === null ? null : native.decode(bytes, true);
    if (plain === null) throw new SignatureError('malformed');
    return plain;
  }
}
