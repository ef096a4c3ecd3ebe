// The store.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { StoreError, bucket } = await import('../engine/js/store.js');
const { Pending } = await import('../engine/js/waiting.js');

beforeEach(() => host.reset());

test('a key holds a text, bytes or JSON', () => {
  const own = bucket();
  assert.equal(own.get('a'), null);
  for (const [value, text] of [
    ['\u00e4', '\u00e4'],
    [new Uint8Array([0x61]), 'a'],
    [{ b: [1, null] }, '{"b":[1,null]}'],
    [7, '7'],
    [null, 'null'],
  ]) {
    const version = own.set('a', value);
    const entry = own.get('a');
    assert.deepEqual([entry.text(), entry.version], [text, version]);
  }
  assert.deepEqual(own.get('a').json(), null);
  assert.throws(() => own.set('a', undefined), TypeError);
  assert.deepEqual([own.delete('a'), own.delete('a')], [true, false]);
});

test('what was refused says why', () => {
  const own = bucket();
  const version = own.set('a', 'one', { only: 'absent' });
  for (const only of ['absent', version + 1]) {
    assert.throws(
      () => own.set('a', 'two', { only }),
      (error) =>
        error instanceof StoreError && error.code === 'conflict' && error.entry.text() === 'one',
    );
  }
  assert.ok(own.set('a', 'two', { only: own.get('a') }) > version);
  assert.throws(() => own.delete('b', { only: version }), { code: 'conflict', entry: null });
  assert.throws(() => bucket('denied').set('a', ''), { name: 'StoreError', code: 'denied' });
  assert.throws(() => own.set('a', '', { only: 'present' }), TypeError);
  assert.throws(() => own.set('a', '', { expiresMs: -1 }), RangeError);
});

test('integers are added, also large ones', () => {
  const own = bucket();
  assert.deepEqual([own.increment('n'), own.increment('n', 5), own.increment('n', -7)], [1, 6, -1]);
  assert.equal(own.increment('m', 9_007_199_254_740_993n), 9_007_199_254_740_993n);
  assert.throws(() => own.increment('n', 0.5), RangeError);
});

test('keys come over pages', () => {
  const own = bucket('own');
  for (const key of ['b', 'a3', 'a1', 'a5', 'a2', 'a4']) own.set(key, '');
  bucket('other').set('a0', '');
  assert.deepEqual([...own.keys('a')], ['a1', 'a2', 'a3', 'a4', 'a5']);
  assert.deepEqual([...own.keys()].length, 6);
});

test('an update loses nothing', () => {
  const own = bucket();
  own.set('a', 'x');
  let tried = 0;
  const entry = own.update('a', (held) => {
    if ((tried += 1) === 1) own.set('a', 'y');
    return `${held.text()}!`;
  });
  assert.deepEqual([entry.text(), tried, own.get('a').text()], ['y!', 2, 'y!']);
  assert.throws(() => own.update('a', async () => ''), TypeError);
  own.update('new', (held) => ({ was: held }));
  assert.deepEqual(own.get('new').json(), { was: null });
});

test('a change is a pending', () => {
  const own = bucket();
  own.set('a', 'x');
  assert.ok(own.changed('a', own.get('a')) instanceof Pending);
  assert.deepEqual([host.pendings[0].since, own.changed('b') instanceof Pending], [1, true]);
  assert.throws(() => own.changed('a', 'x'), TypeError);
});
