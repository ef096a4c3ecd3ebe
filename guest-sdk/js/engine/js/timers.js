// setTimeout and its kin. Timers lie in a binary heap, the one that is due first at the top, so
// that thousands of them cost little more than one.

import { native } from './native.js';

/** How many more timers the heap may hold that were cleared than such that were not. */
const CLEARED_MAX = 64;

/** The heap. Of timers that are due at one time, the first is the one with the lower `order`. */
let heap = [];
/** The timers by their ids, without those that were cleared. */
const timers = new Map();
let lastId = 0;
let lastOrder = 0;

const isBefore = (one, other) =>
  one.due < other.due || (one.due === other.due && one.order < other.order);

function push(timer) {
  timer.order = ++lastOrder;
  let at = heap.length;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!isBefore(timer, heap[above])) break;
    heap[at] = heap[above];
    at = above;
  }
  heap[at] = timer;
}

/** Takes the first timer out of the heap. */
function pop() {
  const last = heap.pop();
  const end = heap.length;
  if (end === 0) return;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= end) break;
    if (below + 1 < end && isBefore(heap[below + 1], heap[below])) below += 1;
    if (!isBefore(heap[below], last)) break;
    heap[at] = heap[below];
    at = below;
  }
  heap[at] = last;
}

function start(callback, delay, values, again) {
  if (typeof callback !== 'function') throw new TypeError('a timer calls a function');
  const id = ++lastId;
  const after = Math.max(again ? 1 : 0, Number(delay) || 0);
  const due = native.monotonic() + after;
  const timer = { id, due, order: 0, after, again, run: () => callback(...values) };
  push(timer);
  timers.set(id, timer);
  return id;
}

export const setTimeout = (callback, delay, ...values) => start(callback, delay, values, false);
export const setInterval = (callback, delay, ...values) => start(callback, delay, values, true);

export function clearTimeout(id) {
  if (!timers.delete(id) || heap.length <= 2 * timers.size + CLEARED_MAX) return;
  // Most of the heap was cleared: what is sorted is a heap too.
  heap = [...timers.values()].sort((one, other) => (isBefore(one, other) ? -1 : 1));
}

/** Returns the timer that is due first. */
function first() {
  while (heap.length > 0 && timers.get(heap[0].id) !== heap[0]) pop();
  return heap[0];
}

/** Returns when the next timer is due, on the monotonic clock; never if there is none. */
export const nextDue = () => first()?.due ?? Infinity;

/** Runs the timer that is due first, and one alone: its promises go on before the next one. */
export function runTimer(now) {
  const timer = first();
  if (timer === undefined || timer.due > now) return;
  pop();
  if (timer.again) {
    timer.due = now + timer.after;
    push(timer);
  } else {
    timers.delete(timer.id);
  }
  timer.run();
}

/** Forgets all timers. */
export function resetTimers() {
  heap = [];
  timers.clear();
}
