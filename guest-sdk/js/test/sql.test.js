// Databases.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { SqlError, database } = await import('../engine/js/sql.js');
const { describe } = await import('../engine/js/console.js');
const { handle, route } = await import('../engine/js/routes.js');
const { Pending } = await import('../engine/js/waiting.js');

const app = database('app');

/** Answers each operation with this, and returns what was asked. */
function answering(answer) {
  const asked = [];
  host.sql = (...what) => {
    asked.push(what);
    return answer;
  };
  return asked;
}

beforeEach(() => host.reset());

test('rows are objects by the names of the columns', () => {
  const found = [
    [1, 'ann', null],
    [9007199254740993n, 'bob', 3],
  ];
  const asked = answering({ ok: [['id', 'name', 'id'], found, 2, null] });
  const result = app.query('select $1', ['x']);
  assert.deepEqual(asked, [['query', 'app', ['select $1', ['x']]]]);
  assert.deepEqual(result, {
    columns: ['id', 'name', 'id'],
    rows: [
      { id: 1, name: 'ann' },
      { id: 9007199254740993n, name: 'bob' },
    ],
    affected: 2,
    lastId: null,
  });
  answering({ ok: [['__proto__'], [['x']], 0, 7] });
  const [row] = app.query('select').rows;
  assert.deepEqual(Object.entries(row), [['__proto__', 'x']]);
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
});

test('values have their own types', () => {
  const asked = answering({ ok: [[], [], 1, 7] });
  const when = new Date('2026-01-02T03:04:05.500Z');
  const bytes = new Uint8Array([1, 2]);
  const values = [null, undefined, true, 1.5, 'a', bytes, bytes.buffer, when];
  app.query('x', [...values, 2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n)]);
  const [[, , [, sent]]] = asked;
  assert.deepEqual(sent.slice(0, 7), [null, undefined, true, 1.5, 'a', bytes, bytes]);
  assert.equal(sent[7], '2026-01-02T03:04:05.500+00:00');
  assert.deepEqual(sent.slice(8), [2n ** 63n - 1n, '9223372036854775808', -(2n ** 63n)]);
  for (const wrong of [{}, [], Symbol('a'), () => 1]) {
    assert.throws(() => app.query('x', [1, wrong]), /the value of \$2 is null, .*JSON.stringify/);
  }
  assert.throws(() => app.query('x', [new Date(NaN)]), RangeError);
  assert.throws(() => app.query('x', 7), /the values of a statement are a list/);
  assert.throws(() => app.query(null), /a statement is a text, not null/);
  assert.equal(asked.length, 1);
});

test('a transaction has statements with and without values', () => {
  const asked = answering({ ok: [[['n'], [[1]], 0, null]] });
  const list = ['z', { text: 'a' }, { text: 'b', values: [1] }];
  assert.deepEqual(app.transact(list)[0].rows, [{ n: 1 }]);
  const sent = [['z', []], ['a', []], ['b', [1]]];
  assert.deepEqual(asked, [['transact', 'app', sent]]);
  for (const wrong of [null, 7, {}, ['a', []]]) {
    assert.throws(() => app.transact([wrong]), /a statement is a text, not undefined/);
  }
});

test('errors are told apart', () => {
  for (const [told, words, isTemporary] of [
    [{ code: 'denied' }, 'does not allow this guest', false],
    [{ code: 'limit', message: 'sql_rows_max' }, 'sql_rows_max', false],
    [{ code: 'overloaded', message: 'x' }, 'x', true],
    [{ code: 'unavailable', message: 'x' }, 'x', true],
    [{ code: 'timed-out' }, 'too long', true],
    [{ code: 'failed', sqlState: '42601', message: 'no' }, 'no', false],
  ]) {
    answering(told);
    assert.throws(
      () => app.query('x'),
      (error) => {
        assert.ok(error instanceof SqlError && error.message.includes(words));
        assert.deepEqual(
          [error.code, error.sqlState, error.isTemporary],
          [told.code, told.sqlState ?? null, isTemporary],
        );
        return !error.isDuplicate;
      },
    );
  }
  const duplicate = new SqlError('failed', 'x', '23505');
  assert.ok(duplicate.isDuplicate);
  assert.match(describe(duplicate), /^SqlError: x \(code failed, SQLSTATE 23505\)/);
  assert.ok(new SqlError('failed', "Duplicate entry 'a'", '23000').isDuplicate);
  assert.ok(!new SqlError('failed', "can't be null", '23000').isDuplicate);
});

test('a request that it ends is a 503, if it may be over soon', async () => {
  const raw = { method: 'GET', path: '/', params: [], headers: [], body: null };
  route('GET', '/', () => app.query('x'));
  route('GET', '/', async () => app.query('x'));
  for (const index of [0, 1]) {
    answering({ code: 'timed-out' });
    const answer = await handle(index, raw);
    assert.deepEqual([answer.status, answer.body], [503, 'service unavailable']);
    assert.match(host.log[0][1], /^SqlError: the database took too long/);
    host.log = [];
    answering({ code: 'failed', sqlState: '0A000', message: 'x' });
    await assert.rejects(async () => handle(index, raw), SqlError);
  }
});

test('a notification is a pending', () => {
  host.sql = (what) => (what === 'dialect' ? { ok: 'postgres' } : undefined);
  assert.ok(app.listen('news') instanceof Pending);
  assert.equal(host.pendings.at(-1).key, 'app/news');
  assert.equal(app.dialect(), 'postgres');
  answering({ code: 'failed', sqlState: '0A000', message: 'no' });
  assert.throws(() => app.listen('news'), SqlError);
});
