// Waiting in place: pendings that are awaited, and timers.
//
// A promise that waits for pendings is a *waiter*. When the engine has no job left to run and the
// handler's promise is still open, it calls `idle`, which makes one wait of the host out of all
// waiters and the next timer.

import { native } from './native.js';
import { settled } from './settling.js';

/** How much longer than its own time a pending of the clock may be waited for. */
const SLACK_MS = 1_000;

const waiters = new Set();
const timers = new Map();
let lastTimer = 0;

/** Something that will be settled once. It belongs to the call that created it. */
export class Pending {
  #id;
  /** When the clock settles it, on the monotonic clock; never for the others. */
  #due;

  constructor(id, due = Infinity) {
    this.#id = id;
    this.#due = due;
  }

  get token() {
    return native.token(this.#id);
  }

  /** Waits until it is settled; null if the deadline comes first. */
  wait({ timeoutMs } = {}) {
    return this.#wait(timeoutMs, () => null);
  }

  /** Lets `await` wait for it. */
  then(fulfilled, rejected) {
    // The host's own deadline must not come before the clock that settles it.
    const left = this.#due === Infinity ? undefined : this.#due - native.monotonic() + SLACK_MS;
    const late = () => {
      throw new DOMException('nobody settled the pending in time', 'TimeoutError');
    };
    return this.#wait(left, late).then(fulfilled, rejected);
  }

  #wait(timeoutMs, late) {
    const end = timeoutMs === undefined ? Infinity : native.monotonic() + milliseconds(timeoutMs);
    return new Promise((resolve, reject) => {
      const over = (settlement) => {
        try {
          resolve(settlement === null ? late() : settled(settlement));
        } catch (error) {
          reject(error);
        }
      };
      waiters.add({ id: this.#id, end, over, reject });
    });
  }

  /** Releases it: nobody can settle it any more. */
  drop() {
    native.drop(this.#id);
  }

  [Symbol.dispose]() {
    this.drop();
  }

  get [Symbol.toStringTag]() {
    return 'Pending';
  }

  /** Returns its number at the engine. */
  static _id(pending) {
    if (!(pending instanceof Pending))
      throw new TypeError('this is no pending: pending() makes one');
    return pending.#id;
  }
}

/** Creates a pending that is settled under a key, or by its token. */
export function pending(key) {
  return new Pending(native.create(key === undefined ? undefined : String(key)));
}

/** Creates a pending that the clock settles. */
export function timer(afterMs) {
  const after = milliseconds(afterMs);
  return new Pending(native.timer(after), native.monotonic() + after);
}

/** Returns a number of milliseconds as the host takes it. */
export function milliseconds(value) {
  const number = Number(value);
  if (!(number >= 0)) throw new RangeError(`a time is a number of milliseconds, not ${value}`);
  return Math.min(Math.ceil(number), 0xffff_ffff);
}

function start(callback, delay, values, again) {
  if (typeof callback !== 'function') throw new TypeError('a timer calls a function');
  const id = ++lastTimer;
  const after = Math.max(again ? 1 : 0, Number(delay) || 0);
  timers.set(id, { due: native.monotonic() + after, run: () => callback(...values), again, after });
  return id;
}

export const setTimeout = (callback, delay, ...values) => start(callback, delay, values, false);
export const setInterval = (callback, delay, ...values) => start(callback, delay, values, true);
export const clearTimeout = (id) => {
  timers.delete(id);
};

/** Returns what the pendings of these waiters are settled with; null for each that is not. */
function waitFor(waiting, timeoutMs) {
  // Without pendings this is a sleep.
  if (waiting.length === 0 && timeoutMs === 0) return [];
  try {
    const ids = waiting.map((waiter) => waiter.id);
    return native.wait(ids, timeoutMs);
  } catch (refusal) {
    if (waiting.length === 0) throw refusal;
    for (const waiter of waiting) {
      waiters.delete(waiter);
      waiter.reject(refusal);
    }
    return [];
  }
}

/** Waits for what is awaited. Returns false if nothing is: what waits then, waits for ever. */
export function idle() {
  if (waiters.size === 0 && timers.size === 0) return false;
  const waiting = [...waiters];
  let end = Infinity;
  for (const { due } of timers.values()) end = Math.min(end, due);
  for (const waiter of waiting) end = Math.min(end, waiter.end);
  const left = end === Infinity ? undefined : milliseconds(Math.max(0, end - native.monotonic()));
  const came = waitFor(waiting, left);
  const now = native.monotonic();
  const nothingCame = !came.some((settlement) => settlement !== null);
  for (const [index, waiter] of waiting.entries()) {
    // Without a time of its own a waiter has the host's deadline.
    const isLate = now >= waiter.end || (left === undefined && nothingCame);
    if (!waiters.has(waiter) || (came[index] === null && !isLate)) continue;
    waiters.delete(waiter);
    waiter.over(came[index]);
  }
  runTimer(now);
  return true;
}

/** Runs the timer that is due first, and one alone: its promises go on before the next one. */
function runTimer(now) {
  let first;
  for (const [id, timer] of timers) {
    if (timer.due <= now && (first === undefined || timer.due < first[1].due)) first = [id, timer];
  }
  if (first === undefined) return;
  const [id, timer] = first;
  if (timer.again) timer.due = now + timer.after;
  else timers.delete(id);
  timer.run();
}

/** Forgets what nobody waits for any more, since the call is over. */
export function resetWaiting() {
  waiters.clear();
  timers.clear();
}
