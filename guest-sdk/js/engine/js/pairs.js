// What FormData and URLSearchParams share.

/** Names and values in their order. Several may have one name. */
export class Pairs {
  /** The pairs. A name is a string. */
  #list = [];

  /** The pairs, for classes that extend this one. */
  get _list() {
    return this.#list;
  }

  /** Puts a pair in the place of the first that has its name, and removes all others. */
  _replace(pair) {
    const at = this.#list.findIndex(([known]) => known === pair[0]);
    if (at < 0) return void this.#list.push(pair);
    this.#list[at] = pair;
    this.#list = this.#list.filter(([known], index) => index <= at || known !== pair[0]);
  }

  /** Removes the pairs of this name, or those that have this value too. */
  _remove(name, value) {
    this.#list = this.#list.filter((pair) => !isIt(pair, name, value));
  }

  _has(name, value) {
    return this.#list.some((pair) => isIt(pair, name, value));
  }

  get(name) {
    return this.#list.find((pair) => isIt(pair, name))?.[1] ?? null;
  }

  getAll(name) {
    return this.#list.filter((pair) => isIt(pair, name)).map(([, value]) => value);
  }

  forEach(each, self) {
    for (const [name, value] of this) each.call(self, value, name, this);
  }

  *entries() {
    for (const [name, value] of this.#list) yield [name, value];
  }

  *keys() {
    for (const [name] of this.#list) yield name;
  }

  *values() {
    for (const [, value] of this.#list) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }
}

function isIt([known, held], name, value) {
  return known === String(name) && (value === undefined || held === String(value));
}
