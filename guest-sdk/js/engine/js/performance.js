// `performance`, in the place of QuickJS's own, whose times begin when the engine was made.

import { native } from './native.js';

/** Where the times of this instance begin: on the monotonic clock, and on the one of the day. */
let origin = 0;
let timeOrigin = 0;

/** Lets the times begin now. */
export function beginTime() {
  origin = native.monotonic();
  timeOrigin = Date.now();
}

export const performance = {
  now: () => native.monotonic() - origin,
  get timeOrigin() {
    return timeOrigin;
  },
  toJSON: () => ({ timeOrigin }),
};
