// Waiting in place: pendings that are awaited.
//
// A promise that waits for pendings is a *waiter*. When the engine has no job left to run and the
// handler's promise is still open, it calls `idle`, which makes one wait of the host out of all
// waiters and the next timer.

import { native } from './native.js';
import { settled } from './settling.js';
import { nextDue, resetTimers, runTimer } from './timers.js';

/** How long a pending is awaited that has no time of its own. */
export const DEADLINE_MS = 30_000;

/** How much longer than its own time a pending of the clock may be waited for. */
const SLACK_MS = 1_000;

/** The waiters: `{ pending, id, end, over, reject }`, with the time at which they give up. */
const waiters = new Set();

/** The pendings that the host has for this call, by their numbers, as long as anybody has them. */
const owned = new Map();

/** Something that will be settled once. It belongs to the call that created it. */
export class Pending {
  #id;
  /** When it is settled at the latest, on the monotonic clock; never for most. */
  #due;
  /** Kept when the host's pending is released, since it is settled. */
  #settlement = null;
  #token = null;
  /** What is made of a settlement, for whoever awaits it. */
  #lift;

  constructor(id, due = Infinity, lift = (settlement) => settlement) {
    this.#id = id;
    this.#due = due;
    this.#lift = lift;
    owned.set(id, new WeakRef(this));
  }

  get token() {
    return this.#token ?? native.token(this.#id);
  }

  /** Waits until it is settled; null if the deadline comes first. */
  wait({ timeoutMs = DEADLINE_MS } = {}) {
    return this.#wait(timeoutMs, () => null);
  }

  /** Lets `await` wait for it. */
  then(fulfilled, rejected) {
    // This deadline must not come before the clock, or the host, that settles it.
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
        if (settlement !== null) this.#settle(settlement);
        try {
          resolve(settlement === null ? late() : this.#lift(settled(settlement)));
        } catch (error) {
          reject(error);
        }
      };
      if (this.#settlement !== null) over(this.#settlement);
      else waiters.add({ pending: this, id: this.#id, end, over, reject });
    });
  }

  /** Keeps what it is settled with, so that the host need not: its pendings are counted. */
  #settle(settlement) {
    if (this.#settlement !== null) return;
    this.#token = native.token(this.#id);
    this.#settlement = settlement;
    release(this.#id);
  }

  /** Releases it: nobody can settle it any more. */
  drop() {
    this.#settlement = null;
    release(this.#id);
  }

  [Symbol.dispose]() {
    this.drop();
  }

  get [Symbol.toStringTag]() {
    return 'Pending';
  }

  static _check(pending) {
    if (!(pending instanceof Pending))
      throw new TypeError('this is no pending: pending() makes one');
  }

  /** Returns its number at the engine, for a suspension: the host has it once more. */
  static _id(pending) {
    if (pending.#settlement !== null) {
      const id = roomy(() => native.create(undefined));
      native.setResult(native.token(id), pending.#settlement);
      [pending.#id, pending.#settlement] = [id, null];
    }
    return pending.#id;
  }

  /** Waits like `await`, and returns the waiter too: undefined if there is nothing to wait for. */
  static _race(pending) {
    const before = waiters.size;
    const promise = pending.then();
    return [promise, waiters.size > before ? [...waiters].at(-1) : undefined];
  }
}

function release(id) {
  owned.delete(id);
  native.drop(id);
}

/** Releases the pendings that nobody has any more, and for which nobody waits. */
function sweep() {
  for (const [id, pending] of owned) if (pending.deref() === undefined) release(id);
}

/** Creates a pending. If the call has too many, those go first that lie in unreachable cycles. */
export function roomy(create) {
  try {
    return create();
  } catch (error) {
    if (error.code !== 'limit') throw error;
  }
  native.collect();
  sweep();
  return create();
}

/** Creates a pending that is settled under a key, or by its token. */
export function pending(key) {
  return new Pending(roomy(() => native.create(key === undefined ? undefined : String(key))));
}

/** Creates a pending that the clock settles. */
export function timer(afterMs) {
  const after = milliseconds(afterMs);
  return new Pending(
    roomy(() => native.timer(after)),
    native.monotonic() + after,
  );
}

/** Returns `Promise.race` or `Promise.any` that lets nobody wait for the pendings that have lost. */
function racing(original) {
  return function race(contenders) {
    const lost = [];
    const list = [...contenders].map((each) => {
      if (!(each instanceof Pending)) return each;
      const [promise, waiter] = Pending._race(each);
      if (waiter !== undefined) lost.push(waiter);
      return promise;
    });
    const first = original.call(this, list);
    const over = () => lost.forEach((waiter) => waiters.delete(waiter));
    if (lost.length > 0) first.then(over, over);
    return first;
  };
}

export const race = racing(Promise.race);
export const any = racing(Promise.any);

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
  sweep();
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
  owned.clear();
  resetTimers();
}
