// What the deployer says: settings, and where clients find this guest.

import { native } from './native.js';

function told({ ok, error }, what) {
  if (error !== undefined) throw new Error(`${what} of snow.toml can't be had: ${error}`);
  return ok;
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
    return (native.baseUrl() ?? native.mount()) + path;
  },

  pathFor(path) {
    return native.mount() + path;
  },
};
