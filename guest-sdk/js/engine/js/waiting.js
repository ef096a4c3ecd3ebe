// Waiting in place: pendings that are awaited.
//
// A promise that waits for pendings is a *waiter*. When the engine has no job left to run and the
// handler's promise is still open, it calls `idle`, which makes one wait of the host out of all
// waiters and the next timer.

import { native } from './native.js';
import { settled } from './settling.js';
import { nextDue, resetTimers, runTimer } from './timers.js';

/** How long a pending is awaited that has no time of its own. */
const DEADLINE_MS = 30_000;

/** How much longer than its own time a pending of the clock may be waited for. */
const SLACK_MS = 1_000;

/** The waiters: `{ id, end, over, reject }`, with the time at which they give up. */
const waiters = new Set();

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
  wait({ timeoutMs = DEADLINE_MS } = {}) {
    return this.#wait(timeoutMs, () => null);
  }

  /** Lets `await` wait for it. */
  then(fulfilled, rejected) {
    // The host's own deadline must not come before the clock that settles it.
    const left =
      this.#due === Infinity ? DEADLINE_MS : Math.max(0, this.#due - native.monotonic()) + SLACK_MS;
    const late = () => {
      throw new DOMException('nobody settled the pending in time', 'TimeoutError');
    };
    return this.#wait(left, late).then(fulfilled, rejected);
  }

  #wait(timeoutMs, late) {
    const end = native.monotonic() + milliseconds(timeoutMs);
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

/** Returns what the pendings of these waiters are settled with; null for each that is not. */
function waitFor(waiting, timeoutMs) {
  const ids = waiting.map(({ id }) => id);
  try {
    // Without pendings this is a sleep.
    return ids.length === 0 && timeoutMs === 0 ? [] : native.wait(ids, timeoutMs);
  } catch (error) {
    if (ids.length === 0) throw error;
    // One that was dropped is its own waiters' trouble. Else the host refuses to wait at all.
    const gone = waiting.filter(({ id }) => !native.has(id));
    for (const waiter of gone.length > 0 ? gone : waiting) {
      waiters.delete(waiter);
      waiter.reject(error);
    }
    return ids.map(() => null);
  }
}

/** Waits for what is awaited. Returns false if nothing is: what waits then, waits for ever. */
export function idle() {
  const waiting = [...waiters];
  let end = nextDue();
  for (const waiter of waiting) end = Math.min(end, waiter.end);
  if (end === Infinity) return false;
  const came = waitFor(waiting, milliseconds(Math.max(0, end - native.monotonic())));
  const now = native.monotonic();
  for (const [index, waiter] of waiting.entries()) {
    if (!waiters.has(waiter) || (came[index] === null && now < waiter.end)) continue;
    waiters.delete(waiter);
    waiter.over(came[index]);
  }
  runTimer(now);
  return true;
}

/** Forgets what nobody waits for any more, since the call is over. */
export function resetWaiting() {
  waiters.clear();
  resetTimers();
}
