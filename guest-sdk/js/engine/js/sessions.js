// Sessions: what a guest remembers of a client from one request to the next. The format in the store
// is that of the SDKs for all languages: `guest-sdk/src/session.rs` describes it.

import { write, LEVELS } from './console.js';
import { cookie } from './cookies.js';
import { deployment } from './deployed.js';
import { HTTPError } from './failures.js';
import { native } from './native.js';
import { isTime, nowSeconds, SignatureError, SigningKeys } from './signing.js';
import { bucket, StoreError } from './store.js';
import { encode } from './text.js';
import { pairs } from './url.js';

/** How often a session is written again when other requests of the client write it, too. */
const WRITES_MAX = 100;
/** A session that is not changed is written again once this part of its time has passed. */
const SLIDES = 10;

const ID = /^[0-9a-f]{32}$/;

const newId = () =>
  Array.from(native.random(16), (byte) => byte.toString(16).padStart(2, '0')).join('');

const escape = (text) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );

/** Returns a text as a session keeps it. A form's field that is missing (null) is none. */
function text(what, value) {
  if (typeof value === 'string') return value.toWellFormed();
  throw new TypeError(
    `${what} in a session is a string, not ${value === null ? null : typeof value}`,
  );
}

/** Compares names by their bytes. */
function byBytes([one], [other]) {
  const [a, b] = [encode(one), encode(other)];
  const at = a.findIndex((byte, index) => byte !== b[index]);
  return at < 0 ? a.length - b.length : at >= b.length ? 1 : a[at] - b[at];
}

/** Returns a session as the store has it. */
export function toText(written, fields) {
  const sorted = [...fields].sort(byBytes);
  return `${written} ${sorted.map(([name, value]) => `${escape(name)}=${escape(value)}`).join('&')}`;
}

/** Returns when a session was written, and what it holds. */
export function parse(text) {
  const at = text.indexOf(' ');
  const written = text.slice(0, Math.max(at, 0));
  if (!isTime(written)) {
    throw new Error("what the bucket has under a session's id is no session");
  }
  return { written: Number(written), fields: new Map(pairs(text.slice(at + 1))) };
}

function stored(entry) {
  return entry === null ? null : { ...parse(entry.text()), version: entry.version };
}

/** The sessions of a guest, in a bucket. */
export class Sessions {
  constructor(name, options = {}) {
    const { cookie = 'session', lifetimeSeconds = 86_400, keys = null } = options;
    // The store counts in milliseconds.
    if (!(lifetimeSeconds > 0 && lifetimeSeconds * 1_000 <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`\`lifetimeSeconds\` is a number of seconds, not ${lifetimeSeconds}`);
    }
    if (keys !== null && !(keys instanceof SigningKeys)) {
      throw new TypeError('`keys` are SigningKeys');
    }
    const { secure = false, path = null } = options;
    this._bucket = bucket(name);
    Object.assign(this, { cookie, lifetimeSeconds, keys, secure, path });
  }

  /** Returns the session of the client that sent a request. */
  of(request) {
    return this._ofAt(request, nowSeconds());
  }

  _ofAt(request, now) {
    const sent = request.cookie(this.cookie);
    let id = sent;
    if (sent !== null && this.keys !== null) {
      try {
        id = this.keys._verifyAt(this.cookie, sent, this.lifetimeSeconds, now);
      } catch (why) {
        if (!(why instanceof SignatureError)) throw why;
        write(LEVELS.debug, `the session's cookie is not taken: ${why.message}`);
        id = null;
      }
    }
    if (id !== null && !ID.test(id)) id = null;
    const held = id === null ? null : stored(this._bucket.get(id));
    // An id that only a signature vouches for may stay: forms have tokens of it.
    if (held === null && this.keys === null) id = null;
    return new Session(this, now, id, sent !== null, held);
  }
}

/** What a guest remembers of a client: names and values. A handler ends with `save`. */
class Session {
  #sessions;
  #now;
  #id;
  #hasCookie;
  #isTold;
  #mustTell = false;
  #stored;
  #old = null;
  #fields;
  #changes = [];
  #isDestroyed = false;

  constructor(sessions, now, id, hasCookie, stored) {
    this.#sessions = sessions;
    this.#now = now;
    this.#isTold = id !== null;
    this.#id = id ?? newId();
    this.#hasCookie = hasCookie;
    this.#stored = stored;
    this.#fields = new Map(stored?.fields);
  }

  get(name) {
    return this.#fields.get(text('a name', name)) ?? null;
  }

  set(name, value) {
    [name, value] = [text('a name', name), text(`the value of \`${name}\``, value)];
    // What begins to be stored has an id that nobody knew before.
    if (this.#stored === null && this.#changes.length === 0) this.#newId();
    this.#fields.set(name, value);
    this.#changes.push([name, value]);
  }

  remove(name) {
    name = text('a name', name);
    if (this.#fields.delete(name)) this.#changes.push([name, null]);
  }

  renew() {
    if (this.#stored !== null) this.#old ??= this.#id;
    this.#newId();
  }

  destroy() {
    this.#fields.clear();
    this.#changes = [];
    this.#isDestroyed = true;
  }

  #newId() {
    this.#id = newId();
    this.#isTold = false;
  }

  get #keys() {
    if (this.#sessions.keys === null) {
      throw new Error('tokens of forms need sessions with `keys`');
    }
    return this.#sessions.keys;
  }

  get #csrfName() {
    return `csrf ${this.#sessions.cookie} ${this.#id}`;
  }

  csrfToken() {
    this.#mustTell = true;
    return this.#keys._signAt(this.#csrfName, '', this.#now);
  }

  checkCsrf(token) {
    const keys = this.#keys;
    const sent = typeof token === 'string' ? token : '';
    try {
      keys._verifyAt(this.#csrfName, sent, this.#sessions.lifetimeSeconds, this.#now);
    } catch (cause) {
      if (!(cause instanceof SignatureError)) throw cause;
      write(LEVELS.debug, `a form's token is not taken: ${cause.message}`);
      const text = 'this form is not from here, or is too old: load its page again';
      throw new HTTPError(403, text, { cause });
    }
  }

  /** Writes what has changed, and adds the cookie to an answer if the client needs it. */
  save(response) {
    // Before anything is written.
    if (typeof response?.headers?.append !== 'function') {
      throw new TypeError('a session is saved with a Response: `session.save(new Response(text))`');
    }
    const field = this.commit();
    if (field !== null) response.headers.append('set-cookie', field);
    return response;
  }

  /** Writes what has changed, and returns a value of `set-cookie` if the client needs it. */
  commit() {
    const own = this.#sessions._bucket;
    if (this.#isDestroyed) {
      if (this.#stored !== null) own.delete(this.#old ?? this.#id);
      return this.#hasCookie ? this.#removal() : null;
    }
    if (this.#stored === null) {
      if (this.#fields.size === 0) return this.#mustTell && !this.#isTold ? this.#told() : null;
      this.#write(this.#fields, 'absent');
      return this.#told();
    }
    if (this.#old !== null) {
      const held = stored(own.get(this.#old));
      if (held === null) return this.#removal();
      this.#write(this.#applied(held.fields), 'absent');
      own.delete(this.#old);
      return this.#told();
    }
    const age = Math.max(0, this.#now - this.#stored.written);
    const isDue = age >= this.#sessions.lifetimeSeconds / SLIDES;
    if (this.#changes.length === 0 && !isDue) return null;
    let { version, fields } = this.#stored;
    for (let tried = 0; tried < WRITES_MAX; tried += 1) {
      try {
        this.#write(this.#applied(fields), version);
        return isDue ? this.#told() : null;
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== 'conflict') throw error;
        // Another request has destroyed it, and that stays.
        if (error.entry === null) return this.#removal();
        ({ version, fields } = stored(error.entry));
      }
    }
    throw new Error('a session is written by too many requests at a time');
  }

  /** Returns what another request has written, with the changes of this one. */
  #applied(held) {
    const fields = new Map(held);
    for (const [name, value] of this.#changes) {
      if (value === null) fields.delete(name);
      else fields.set(name, value);
    }
    return fields;
  }

  #write(fields, only) {
    const expiresMs = this.#sessions.lifetimeSeconds * 1_000;
    this.#sessions._bucket.set(this.#id, toText(this.#now, fields), { expiresMs, only });
  }

  #told() {
    const { cookie: name, keys, lifetimeSeconds } = this.#sessions;
    const value = keys === null ? this.#id : keys._signAt(name, this.#id, this.#now);
    return this.#cookie(value, lifetimeSeconds);
  }

  #removal() {
    return this.#cookie('', 0);
  }

  #cookie(value, maxAgeSeconds) {
    const { cookie: name, secure } = this.#sessions;
    const path = this.#sessions.path ?? deployment.cookiePath;
    return cookie(name, value, { path, maxAgeSeconds, secure, httpOnly: true, sameSite: 'lax' });
  }

  /** Without the id, which is as good as a password. */
  get [Symbol.toStringTag]() {
    return 'Session';
  }
}
