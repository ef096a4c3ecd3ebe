// A host for tests: what `engine/src/native.rs` gives, with pendings that the test settles and a
// clock that the test moves. Imported before any module of `engine/js`.

import { createHmac, timingSafeEqual } from 'node:crypto';

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
  /** What the store holds: by bucket and key, `[value, version]`. */
  stored: new Map(),
  /** The last version. */
  version: 0,
  /** What the deployer says: values by their names. */
  config: new Map(),
  /** Where clients find the guest. */
  mount: '',
  baseUrl: undefined,
  /** How often a call has kept its deadline. */
  kept: 0,
  /** What a database returns: called with an operation, the database's name, and what was asked. */
  sql: () => ({ code: 'denied' }),
  /** The jobs that were kept: `[name, payload, delay, attempts]`. */
  jobs: [],
  /** Why no job is taken. */
  jobError: null,
  /** Whether the guest has said that it has jobs. */
  hasJobs: false,
  /** How many pendings there may be at one time. */
  pendingsMax: Infinity,
  reset() {
    Object.assign(this, { now: 0, pendings: [], waits: [], log: [], settled: [] });
    Object.assign(this, { stored: new Map(), version: 0, pendingsMax: Infinity });
    Object.assign(this, { config: new Map(), mount: '', baseUrl: undefined, kept: 0 });
    Object.assign(this, { sql: () => ({ code: 'denied' }), jobs: [], jobError: null });
  },
  settle(key, settlement) {
    this.pendings.find((each) => each?.key === key && each.settlement === null).settlement =
      settlement;
  },
};

function create(pending) {
  if (host.pendings.filter(Boolean).length >= host.pendingsMax) {
    throw Object.assign(new Error('limit'), { code: 'limit' });
  }
  return host.pendings.push({ settlement: null, due: Infinity, ...pending }) - 1;
}

const place = (bucket, key) => `${bucket}\n${key}`;
const bytes = (value) => (typeof value === 'string' ? encoder.encode(value) : value);

/** Writes to the store, unless it is refused. No value deletes. */
function write(bucket, key, only, value) {
  if (bucket === 'denied') return { code: 'denied' };
  const held = host.stored.get(place(bucket, key));
  if (only !== undefined && only !== (held?.[1] ?? 0)) {
    return { code: 'conflict', entry: held ?? null };
  }
  if (value === undefined) return { ok: host.stored.delete(place(bucket, key)) };
  host.stored.set(place(bucket, key), [bytes(value), (host.version += 1)]);
  return { ok: host.version };
}

globalThis[Symbol.for('snow.native')] = {
  create: (key) => create({ key }),
  timer: (after) => create({ due: host.now + after }),
  token: (id) => `token-${id}`,
  has: (id) => Boolean(host.pendings[id]),
  collect: () => {},
  storeGet: (bucket, key) => ({ ok: host.stored.get(place(bucket, key)) ?? null }),
  storeSet: (bucket, key, value, _expiresMs, only) => write(bucket, key, only, value),
  storeDelete: (bucket, key, only) => write(bucket, key, only),
  storeIncrement(bucket, key, by) {
    const held = host.stored.get(place(bucket, key));
    const sum = String(BigInt(held ? new TextDecoder().decode(held[0]) : 0) + BigInt(by));
    write(bucket, key, undefined, sum);
    return { ok: sum };
  },
  storeList(bucket, prefix, after = '') {
    const keys = [...host.stored.keys()].map((each) => each.split('\n'));
    const found = keys.filter(([name, key]) => name === bucket && key.startsWith(prefix));
    const rest = found.map(([, key]) => key).filter((key) => key > after);
    // Pages of two keys.
    const page = rest.sort().slice(0, 2);
    return { ok: [page, rest.length > 2 ? page[1] : undefined] };
  },
  storeChanged: (bucket, key, since) => ({ ok: create({ key: place(bucket, key), since }) }),
  sqlDialect: (name) => host.sql('dialect', name),
  sqlQuery: (name, text, values) => host.sql('query', name, [text, values]),
  sqlTransact: (name, list) => host.sql('transact', name, list),
  sqlListen: (name, channel) =>
    host.sql('listen', name, channel) ?? { ok: create({ key: `${name}/${channel}` }) },
  withJobs: () => (host.hasJobs = true),
  jobStart: (name, payload) => host.jobError ?? { ok: create({ job: [name, payload] }) },
  jobEnqueue: (...how) => host.jobError ?? { ok: `id-${host.jobs.push(how)}` },
  fetch: (outgoing) => create({ outgoing }),
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
  configGet: (name) => ({ ok: host.config.get(name) }),
  configAll: () => ({ ok: [...host.config] }),
  mount: () => host.mount,
  baseUrl: () => host.baseUrl,
  waitedMs: () => host.now,
  leftMs: () => undefined,
  keepDeadline: () => void (host.kept += 1),
  hmac: (secret, text) => new Uint8Array(createHmac('sha256', secret).update(text).digest()),
  hmacIs(secret, text, code) {
    const own = createHmac('sha256', secret).update(text).digest();
    return own.length === code.length && timingSafeEqual(own, code);
  },
  toBase64: (value) => Buffer.from(value).toString('base64url'),
  fromBase64(text) {
    const bytes = Buffer.from(text, 'base64url');
    return bytes.toString('base64url') === text ? new Uint8Array(bytes) : null;
  },
  find: (within, wanted, from) => Buffer.from(within).indexOf(wanted, from),
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
