// Waiting in place, and timers. `drive` does what `drive` of `engine/src/engine.rs` does.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const waiting = await import('../engine/js/waiting.js');
const { pending, timer, idle } = waiting;
const { Failure } = await import('../engine/js/settling.js');

/** Lets all promises go on that can. */
const jobs = () => new Promise((done) => setImmediate(done));

async function drive(promise) {
  let over = false;
  promise.then(
    () => (over = true),
    () => (over = true),
  );
  for (;;) {
    await jobs();
    if (over) return promise;
    if (!idle()) throw new Error('stuck');
  }
}

const bytes = (text) => ({ tag: 'value', val: new TextEncoder().encode(text) });

beforeEach(() => {
  host.reset();
  waiting.resetWaiting();
});

test('several pendings and timers are one wait', async () => {
  const both = Promise.all([pending('a'), pending('b')]);
  host.settle('a', bytes('1'));
  host.settle('b', bytes('2'));
  const values = await drive(both);
  assert.deepEqual(values.map(String), ['1', '2']);
  assert.deepEqual(host.waits, [[2, undefined]]);
});

test('a pending that is not settled in time', async () => {
  assert.equal(await drive(pending('a').wait({ timeoutMs: 50 })), null);
  assert.deepEqual([host.waits, host.now], [[[1, 50]], 50]);
  await assert.rejects(drive((async () => await pending('a'))()), { name: 'TimeoutError' });
  assert.throws(() => pending('a').wait({ timeoutMs: -1 }), RangeError);
});

test('what is settled with an error throws it', async () => {
  const waits = (async () => await pending('a'))();
  host.settle('a', { tag: 'failed', val: { code: 'late', message: 'too late' } });
  const error = await drive(waits.catch((error) => error));
  assert.ok(error instanceof Failure);
  assert.deepEqual([error.code, error.message], ['late', 'too late']);
});

test('a race is over with its first', async () => {
  const first = await drive(
    Promise.race([pending('a').then(() => 'a'), timer(20).then(() => 'clock')]),
  );
  assert.equal(first, 'clock');
  assert.equal(host.now, 20);
});

test('the clock is waited for longer than the host would by itself', async () => {
  await drive(timer(60_000).then(() => {}));
  assert.equal(host.now, 60_000);
});

test('a refusal of the host is thrown where it is waited', async () => {
  const { wait } = globalThis[Symbol.for('snow.native')];
  globalThis[Symbol.for('snow.native')].wait = () => {
    throw new Error('limit');
  };
  try {
    await assert.rejects(drive(pending('a').wait()), { message: 'limit' });
  } finally {
    globalThis[Symbol.for('snow.native')].wait = wait;
  }
});

test('timers run in the order of their times', async () => {
  const ran = [];
  const id = waiting.setInterval((what) => ran.push(what), 10, 'interval');
  waiting.clearTimeout(waiting.setTimeout(() => ran.push('never'), 5));
  const over = new Promise((done) => waiting.setTimeout(done, 25));
  waiting.setTimeout(() => ran.push('zero'));
  await drive(over);
  waiting.clearTimeout(id);
  assert.deepEqual(ran, ['zero', 'interval', 'interval']);
  assert.equal(idle(), false, 'nothing is left');
});

test('nobody waits for what nobody will settle', async () => {
  await assert.rejects(drive(new Promise(() => {})), { message: 'stuck' });
});
