// Waiting in place. `drive` does what `drive` of `engine/src/engine.rs` does.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const waiting = await import('../engine/js/waiting.js');
const { clearTimeout, setInterval, setTimeout } = await import('../engine/js/timers.js');
const { pending, race, timer, idle } = waiting;
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
  assert.deepEqual(host.waits, [[2, 30_000]]);
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

test('a pending has its own deadline, whatever else has one', async () => {
  const id = setInterval(() => {}, 1_000);
  await assert.rejects(drive((async () => await pending('a'))()), { name: 'TimeoutError' });
  assert.equal(host.now, 30_000);
  clearTimeout(id);
  assert.equal(await drive(pending('a').wait()), null);
  assert.equal(host.now, 60_000);
});

test('a settlement does not begin the time of another pending anew', async () => {
  const late = pending('a').then(null, (error) => error.name);
  const news = timer(20_000).then(() => 'news');
  assert.deepEqual(await drive(Promise.all([news, late])), ['news', 'TimeoutError']);
  assert.equal(host.now, 30_000);
});

test('a timer that was due long ago is awaited at once', async () => {
  const early = timer(10);
  await drive(timer(5_000).then(() => {}));
  await drive((async () => await early)());
  assert.equal(host.now, 5_000);
});

test('a pending that was dropped fails its own waiters alone', async () => {
  const dropped = pending('a');
  const waits = [dropped.wait(), dropped.wait(), pending('b').wait(), timer(10).then(() => 'c')];
  dropped.drop();
  host.settle('b', bytes('b'));
  const came = await drive(Promise.allSettled(waits));
  assert.deepEqual(
    came.map(({ value, reason }) => String(value ?? reason.message)),
    ['this pending is gone', 'this pending is gone', 'b', 'c'],
  );
});

test('nobody waits for what nobody will settle', async () => {
  await assert.rejects(drive(new Promise(() => {})), { message: 'stuck' });
});

test('a call may wait for any number of pendings one after the other', async () => {
  host.pendingsMax = 3;
  const waits = async () => {
    for (let index = 0; index < 200; index += 1) {
      await timer(1);
      await timer(1).wait();
    }
  };
  await drive(waits());
  assert.equal(host.pendings.filter(Boolean).length, 0);
});

test('what was settled stays so, without the host', async () => {
  const one = pending('a');
  host.settle('a', bytes('1'));
  const came = [await drive((async () => await one)()), await drive(one.wait())];
  assert.deepEqual([came.map(String), one.token], [['1', '1'], 'token-0']);
  assert.equal(host.waits.length, 1);
});

test('nobody waits for what has lost a race', async () => {
  const lost = pending('a');
  const won = await drive(race.call(Promise, [lost, timer(5)]));
  assert.equal(String(won), '');
  assert.equal(idle(), false);
  host.settle('a', bytes('later'));
  assert.equal(String(await drive(lost.wait())), 'later');
});
