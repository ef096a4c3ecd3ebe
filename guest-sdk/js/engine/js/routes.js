// Routes, and what handlers return.

import { describe, LEVELS, write } from './console.js';
import { HTTPError } from './failures.js';
import { runningJob } from './jobs.js';
import { Request, Response } from './messages.js';
import { native } from './native.js';
import { SqlError } from './sql.js';
import { decode, octets } from './text.js';
import { Failure, Settlement, lower, settled } from './settling.js';
import { Pending, milliseconds } from './waiting.js';

const METHOD = /^[A-Z][A-Z\d_-]*$/;

const TEXT_FIELDS = [['content-type', 'text/plain; charset=utf-8']];
const JSON_FIELDS = [['content-type', 'application/json']];
const BYTES_FIELDS = [['content-type', 'application/octet-stream']];

const ANSWERS = 'a string, an object or an array (sent as JSON), bytes, a Response, or suspend(…)';

/** The routes in their order. */
const table = [];

/** Whether the file has been evaluated. */
let isClosed = false;

/** What a request waits for without an instance. */
class Suspension {
  constructor(pendings, options) {
    this.pendings = pendings;
    this.options = options;
  }
}

/** Returns where the author's code called, as `hello.js:3:1`. */
function place() {
  const frames = String(new Error().stack).split('\n');
  const own = frames.find((line) => /^\s*at /.test(line) && !/\bsnow:\w/.test(line));
  return /([^\s(]+:\d+):\d+\)?$/.exec(own ?? '')?.[1] ?? 'the guest';
}

/** Returns a regular expression as the host takes it. A path is matched as a whole, once. */
function source({ source, flags }) {
  const meant = flags.replace(/[^ims]/g, '');
  return (meant === '' ? '' : `(?${meant})`) + source.replaceAll('\\/', '/');
}

/** Returns the methods of a text like `GET|POST`, or of a list; none for `any`, which is all. */
function split(methods) {
  const text = Array.isArray(methods) ? methods.join('|') : methods;
  if (text === 'any') return [];
  const list = typeof text === 'string' ? text.split('|') : [];
  if (list.length > 0 && list.every((method) => METHOD.test(method))) return list;
  const words = show(methods)
    .toUpperCase()
    .match(/[A-Z][A-Z\d_-]*/g) ?? ['ANY'];
  const right = words.includes('ANY') ? 'any' : words.join('|');
  throw new TypeError(
    `the methods of a route are 'GET', several as in 'GET|POST', or 'any': ` +
      `write '${right}' for ${show(methods)}`,
  );
}

/** Serves requests with these methods whose path matches the pattern. */
export function route(methods, pattern, handler, { resume } = {}) {
  const list = split(methods);
  const text = pattern instanceof RegExp ? source(pattern) : pattern;
  if (typeof text !== 'string') {
    throw new TypeError(`the pattern of a route is a string or a RegExp, not ${kind(pattern)}`);
  }
  if (typeof handler !== 'function') {
    throw new TypeError(`the handler of the route ${text} is a function, not ${kind(handler)}`);
  }
  const resumes = resume === undefined ? [] : [resume].flat();
  if (!resumes.every((each) => typeof each === 'function')) {
    throw new TypeError(`\`resume\` of the route ${text} is a function, or a list of functions`);
  }
  if (isClosed) {
    throw new Error(
      `the route ${text} comes too late: routes are made while the file is evaluated`,
    );
  }
  table.push({ methods: list, pattern: text, handler, resumes, place: place() });
}

/**
 * Refuses all further routes: requests come by the numbers that routes had when the host asked for
 * them.
 */
export function closeRoutes() {
  isClosed = true;
}

/** Returns the routes as the host takes them. */
export function routes() {
  return table.map(({ methods, pattern }) => ({ methods, pattern }));
}

/** Gives the request back: it waits without an instance. */
export function suspend(pendings, options = {}) {
  const list = [pendings].flat();
  list.forEach(Pending._check);
  const { until = 'all', resume } = options;
  if (until !== 'all' && until !== 'any') {
    throw new TypeError(`\`until\` is "all" or "any", not ${show(until)}`);
  }
  if (resume !== undefined && resume !== false && typeof resume !== 'function') {
    throw new TypeError('`resume` is one of the functions that the route has, or false');
  }
  return new Suspension(list, options);
}

const show = (value) => JSON.stringify(value) ?? String(value);

function kind(value) {
  if (value === null) return 'null';
  if (typeof value === 'object') return `a ${value.constructor?.name ?? 'object'}`;
  return typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`;
}

const title = ({ methods, pattern, place }) =>
  `the handler of ${methods.join('|') || 'any'} ${pattern} (${place})`;

/** Returns which of a route's functions goes on after a suspension, by its number; -1 for none. */
function resumption(route, chosen) {
  if (chosen === false) return -1;
  if (chosen === undefined) return route.resumes.length > 0 ? 0 : -1;
  const index = route.resumes.indexOf(chosen);
  if (index < 0) {
    throw new TypeError(
      `${title(route)} resumes with ${chosen.name || 'a function'} that the route does not know: ` +
        `give it to the route, as in route(…, { resume: ${chosen.name || 'goOn'} }). ` +
        'It runs in another instance, which finds it there.',
    );
  }
  return index;
}

function suspension(route, { pendings, options }) {
  const { until = 'all', timeoutMs, onTimeout, keepRequest = false, state = null } = options;
  const index = resumption(route, options.resume);
  if (index >= 0 && onTimeout !== undefined) {
    throw new TypeError(
      `${title(route)} suspends with both \`onTimeout\` and \`resume\`, which is called at the ` +
        'deadline too: ask resumed.timedOut there, or suspend with `resume: false`',
    );
  }
  const text = JSON.stringify([index, state]);
  const lowered = {
    // What nobody has any more is released.
    pendings,
    handles: pendings.map(Pending._id),
    all: until === 'all',
    timeoutMs: timeoutMs === undefined ? undefined : milliseconds(timeoutMs),
    onTimeout: onTimeout === undefined ? undefined : answer(route, onTimeout),
    resume: index >= 0,
    keepRequest: Boolean(keepRequest),
    state: text,
  };
  // Last: a suspension that is refused above must not touch the call's deadline.
  if (options.keepDeadline) native.keepDeadline();
  return lowered;
}

/** Returns what a handler has returned as the host takes it, a response. */
function answer(route, value) {
  if (typeof value === 'string') return { status: 200, headers: TEXT_FIELDS, body: value };
  if (value instanceof Response) return lower(value);
  if (value instanceof HTTPError) {
    return { status: value.status, headers: TEXT_FIELDS, body: value.message };
  }
  if (value instanceof Error) {
    throw new TypeError(`${title(route)} returned an error: throw it`, { cause: value });
  }
  if (value instanceof Settlement) {
    if (value.response !== null) return lower(value.response);
    return { status: 200, headers: BYTES_FIELDS, body: value.bytes() };
  }
  if (typeof value === 'object' && value !== null) {
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      return { status: 200, headers: BYTES_FIELDS, body: octets(value) };
    }
    const text = JSON.stringify(value);
    if (text !== undefined) return { status: 200, headers: JSON_FIELDS, body: text };
  }
  throw new TypeError(`${title(route)} returned ${kind(value)}: return ${ANSWERS}`);
}

function outcome(route, value) {
  return value instanceof Suspension ? suspension(route, value) : answer(route, value);
}

/** Returns the answer that was thrown, or that an error stands for; null for any other error. */
function asAnswer(thrown) {
  try {
    if (thrown instanceof HTTPError || thrown instanceof Response) return thrown;
    if (!(thrown instanceof SqlError) || !thrown.isTemporary) return null;
  } catch {
    // A proxy's trap.
    return null;
  }
  // It may be over soon. What it is, is in the log, as of any error.
  write(LEVELS.error, describe(thrown));
  return new HTTPError(503, 'service unavailable');
}

/** Returns the outcome of what was thrown, if it is an answer; else throws it again. */
function rescue(route, thrown) {
  const found = asAnswer(thrown);
  if (found !== null) return answer(route, found);
  throw thrown;
}

async function later(route, promise) {
  try {
    return outcome(route, await promise);
  } catch (thrown) {
    return rescue(route, thrown);
  }
}

/** Calls a function of the guest, and returns the outcome or a promise of it. */
function finish(route, call) {
  try {
    const value = call();
    if (typeof value === 'object' && value !== null && typeof value.then === 'function') {
      const promise = later(route, value);
      // The engine reads what became of it, so it is not unhandled.
      promise.catch(() => {});
      return promise;
    }
    return outcome(route, value);
  } catch (thrown) {
    return rescue(route, thrown);
  }
}

export function handle(index, raw) {
  const route = table[index];
  return finish(route, () => route.handler(Request._of(raw)));
}

/** The end of a wait, as a `resume` function gets it. */
class Resumed {
  #arrivals;

  constructor({ timedOut, request, arrivals }, state) {
    this.timedOut = timedOut;
    this.request = request === null ? null : Request._of(request);
    this.state = state;
    this.#arrivals = arrivals.map(([id, settlement]) => {
      if (settlement === null) return { pending: new Pending(id), settlement };
      // The host need not keep what is here already: its pendings are counted.
      native.drop(id);
      return { pending: null, settlement };
    });
  }

  /** How long the request has waited. */
  get waitedMs() {
    return native.waitedMs();
  }

  /** How long the deadline of that wait still has. */
  get leftMs() {
    return native.leftMs() ?? 0;
  }

  /** What became of each pending, in their order: a settlement, a failure, or null for not yet. */
  get settlements() {
    return this.#arrivals.map(({ settlement }) => {
      if (settlement === null) return null;
      try {
        return settled(settlement);
      } catch (failure) {
        return failure;
      }
    });
  }

  /** The place of the first pending that is settled, or -1. */
  get index() {
    return this.#arrivals.findIndex(({ settlement }) => settlement !== null);
  }

  /** What the first was settled with; null if the deadline came before any. Throws a failure. */
  get value() {
    const first = this.#arrivals.find(({ settlement }) => settlement !== null);
    return first === undefined ? null : settled(first.settlement);
  }

  /** The first failure among the settlements, or null. */
  get failure() {
    return this.settlements.find((each) => each instanceof Failure) ?? null;
  }

  /** The pendings that are not settled, to be waited for once more. */
  get unsettled() {
    const open = this.#arrivals.filter(({ settlement }) => settlement === null);
    return open.map(({ pending }) => pending);
  }

  text() {
    return this.value?.text() ?? '';
  }

  json() {
    return JSON.parse(this.text());
  }
}

export function resume(index, raw) {
  const route = table[index];
  const [which, state] = JSON.parse(decode(raw.state));
  return finish(route, () => route.resumes[which](new Resumed(raw, state)));
}

/** Returns what to say if a handler waits for something that nobody will settle. */
export function stuck(index) {
  const route = table[index];
  const who = route === undefined ? (runningJob() ?? 'the file') : title(route);
  return `${who} waits for something that nobody will settle`;
}
