// What the Rust side calls. It begins and ends each call, and the globals are put in place here.

import './globals.js';
// What guests import is evaluated here too, so that no instance has to.
import 'snow';
import { beginTime } from './performance.js';
import { describe, LEVELS, resetConsole, write } from './console.js';
import { closeJobs, hasJobs, resetJobs, run } from './jobs.js';
import { native } from './native.js';
import { seed } from './random.js';
import { closeRoutes, handle, resume, routes as list, stuck } from './routes.js';
import { idle, resetWaiting } from './waiting.js';

/**
 * Begins an instance. All that was evaluated before is from when the engine was made: it is the same
 * in each instance, and knows neither the time nor random numbers. No `Map` or `Set` of these
 * modules has an entry then, since hashes get their seed here.
 */
export function begin() {
  beginTime();
}

/** Promises that were rejected, and that nobody has handled yet: their reasons. */
const rejected = new Map();

/** Called when a promise is rejected unhandled, and when somebody handles it after all. */
export function rejection(promise, reason, isHandled) {
  if (isHandled) rejected.delete(promise);
  else rejected.set(promise, reason);
}

/**
 * Ends a call, or the evaluation of the file: reports what was rejected unheard, and forgets what
 * nobody waits for any more.
 */
export function end() {
  closeRoutes();
  closeJobs();
  for (const reason of rejected.values()) {
    write(LEVELS.error, `unhandled rejection: ${describe(reason)}`);
  }
  rejected.clear();
  resetWaiting();
  resetConsole();
  resetJobs();
}

/** Returns the routes as the host takes them, and tells it of jobs. */
export function routes() {
  if (hasJobs()) native.withJobs();
  return list();
}

export { describe, handle, idle, resume, run, seed, stuck };
