// A host for tests: what `engine/src/native.rs` gives, with pendings that the test settles and a
// clock that the test moves. Imported before any module of `engine/js`.

const PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
];

const NodeURL = globalThis.URL;
const encoder = new TextEncoder();

export const host = {
  now: 0,
  /** The pendings by number: `{ key, due, settlement }`. */
  pendings: [],
  /** The arguments of each wait: how many pendings, and the time. */
  waits: [],
  /** What was logged: `[level, message]`. */
  log: [],
  /** What was settled: `[function, key or token, settlement]`. */
  settled: [],
  reset() {
    Object.assign(this, { now: 0, pendings: [], waits: [], log: [], settled: [] });
  },
  settle(key, settlement) {
    this.pendings.find((each) => each?.key === key && each.settlement === null).settlement =
      settlement;
  },
};

const create = (pending) => host.pendings.push({ settlement: null, due: Infinity, ...pending }) - 1;

globalThis[Symbol.for('snow.native')] = {
  create: (key) => create({ key }),
  timer: (after) => create({ due: host.now + after }),
  token: (id) => `token-${id}`,
  has: (id) => Boolean(host.pendings[id]),
  drop: (id) => host.pendings.splice(id, 1, null),
  wait(ids, timeoutMs) {
    host.waits.push([ids.length, timeoutMs]);
    if (!ids.every((id) => host.pendings[id])) throw new Error('this pending is gone');
    const list = ids.map((id) => host.pendings[id]);
    if (!list.some((each) => each.settlement)) {
      // The clock goes on until something is due, as the host's does.
      const due = Math.min(...list.map((each) => each.due), Infinity);
      host.now = Math.max(host.now, Math.min(due, host.now + (timeoutMs ?? 30_000)));
      for (const each of list) {
        if (each.due <= host.now) each.settlement = { tag: 'value', val: new Uint8Array() };
      }
    }
    return list.map((each) => each.settlement);
  },
  setResult: (token, settlement) => void host.settled.push(['setResult', token, settlement]),
  setNext: (key, settlement) => host.settled.push(['setNext', key, settlement]) > 0,
  setAll: (key, settlement) => host.settled.push(['setAll', key, settlement]),
  waiting: () => 0,
  log: (level, message) => host.log.push([level, message]),
  random: (count) => globalThis.crypto.getRandomValues(new Uint8Array(count)),
  monotonic: () => host.now,
  encode: (text) => encoder.encode(text),
  nesting(text) {
    let [depth, deepest] = [0, 0];
    for (const mark of text.match(/[[{\]}]/g) ?? []) {
      depth += '[{'.includes(mark) ? 1 : -1;
      deepest = Math.max(deepest, depth);
    }
    return deepest;
  },
  decode(bytes, fatal) {
    try {
      return new TextDecoder('utf-8', { fatal, ignoreBOM: true }).decode(bytes);
    } catch {
      return null;
    }
  },
  url(text, base, part, value) {
    if (!NodeURL.canParse(text, base)) return null;
    const url = new NodeURL(text, base);
    if (part !== undefined) url[part] = value;
    return PARTS.map((name) => url[name]);
  },
};
