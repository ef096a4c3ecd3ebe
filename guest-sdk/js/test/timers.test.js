// Timers.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const timers = await import('../engine/js/timers.js');
const { clearTimeout, nextDue, runTimer, setInterval, setTimeout } = timers;

/** Runs all timers that there are, at their times; those that come meanwhile too. */
function runAll() {
  for (let due = nextDue(); due !== Infinity; due = nextDue()) {
    host.now = Math.max(host.now, due);
    runTimer(host.now);
  }
}

beforeEach(() => {
  host.reset();
  timers.resetTimers();
});

test('timers run in the order of their times', () => {
  const ran = [];
  const id = setInterval((what) => ran.push(what), 10, 'interval');
  clearTimeout(setTimeout(() => ran.push('never'), 5));
  setTimeout(() => clearTimeout(id), 25);
  setTimeout(() => ran.push('zero'));
  runAll();
  assert.deepEqual(ran, ['zero', 'interval', 'interval']);
});

test('of timers with one time the first runs first', () => {
  const ran = [];
  for (const index of Array(100).keys()) setTimeout(() => ran.push(index), (index % 3) * 10);
  runAll();
  const order = (rest) => [...Array(100).keys()].filter((index) => index % 3 === rest);
  assert.deepEqual(ran, [...order(0), ...order(1), ...order(2)]);
});

test('any order of times is sorted, whatever is cleared', () => {
  let random = 1;
  const next = (below) => (random = (random * 48_271) % 0x7fff_ffff) % below;
  const ran = [];
  const ids = new Map();
  for (let index = 0; index < 2_000; index += 1) {
    const after = next(500);
    ids.set(
      setTimeout(() => ran.push(after), after),
      after,
    );
    if (next(3) === 0) {
      const id = [...ids.keys()][next(ids.size)];
      clearTimeout(id);
      ids.delete(id);
    }
  }
  runAll();
  assert.deepEqual(
    ran,
    [...ids.values()].sort((a, b) => a - b),
  );
});

// A look at each of them for each of them would take minutes.
test('many timers cost little each', { timeout: 20_000 }, () => {
  const count = 200_000;
  let ran = 0;
  for (let index = 0; index < count; index += 1) setTimeout(() => (ran += 1), index % 1_000);
  runAll();
  assert.equal(ran, count);
  for (let index = 0; index < count; index += 1) clearTimeout(setTimeout(() => {}, 1_000));
  assert.equal(nextDue(), Infinity);
});
