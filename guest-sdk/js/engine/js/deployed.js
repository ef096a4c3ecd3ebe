// What the deployer says: settings, and where clients find this guest.

import { native } from './native.js';
import { Unparsed, parse } from './parsed.js';

function told({ ok, error }, what) {
  if (error !== undefined) throw new Error(`${what} of snow.toml can't be had: ${error}`);
  return ok;
}

/** Returns a path of this guest. Without the slash it would run into the mount. */
function rooted(path) {
  if (typeof path === 'string' && path.startsWith('/')) return path;
  throw new TypeError(`a path of this guest begins with a slash: ${JSON.stringify(path)}`);
}

/** A text that is not shown by accident. */
class Secret {
  #text;

  constructor(text) {
    this.#text = text;
  }

  /** Returns the text. */
  expose() {
    return this.#text;
  }

  toString() {
    return 'Secret(…)';
  }

  toJSON() {
    return this.toString();
  }
}

/** The settings of `[guest.NAME.config]` in snow.toml. */
export const config = {
  /** Returns the value of this name; undefined if the deployer gives none. */
  get(name) {
    return told(native.configGet(String(name)), `the value ${JSON.stringify(name)}`) ?? undefined;
  },

  /** Returns the value of this name, parsed; what is given instead if the deployer gives none. */
  parsed(name, kind, fallback) {
    const text = config.get(name);
    if (text === undefined) return fallback;
    try {
      return parse(kind, text);
    } catch (error) {
      if (!(error instanceof Unparsed)) throw error;
      // Without the cause, and without the words of a guest's function, which may have the value.
      const why = error.isOwn ? `: it is ${error.message}` : '';
      throw new Error(
        `the value of \`${name}\` in the \`config\` of snow.toml can't be used${why}`,
      );
    }
  },

  /** Returns the secret of this name; undefined if the deployer gives none. */
  secret(name) {
    const value = config.get(name);
    return value === undefined ? undefined : new Secret(value);
  },

  /** Returns all names and values that are no secrets. */
  all() {
    return new Map(told(native.configAll(), 'the values'));
  },
};

/** Where clients find this guest. */
export const deployment = {
  get mount() {
    return native.mount();
  },

  get baseUrl() {
    return native.baseUrl() ?? null;
  },

  get cookiePath() {
    return native.mount() || '/';
  },

  urlFor(path) {
    return (native.baseUrl() ?? native.mount()) + rooted(path);
  },

  pathFor(path) {
    return native.mount() + rooted(path);
  },
};
