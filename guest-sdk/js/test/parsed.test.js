// Texts as other kinds of values: of a path, of a query, and of what the deployer says.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { config } = await import('../engine/js/deployed.js');
const { HTTPError } = await import('../engine/js/failures.js');
const { Request } = await import('../engine/js/messages.js');
const { Unparsed, parse } = await import('../engine/js/parsed.js');

beforeEach(() => host.reset());

/** A request as the host gives it, with one group of the pattern that matched. */
const asked = (query, id) =>
  Request._of({
    scheme: 'http',
    authority: 'a',
    path: '/',
    query,
    headers: [],
    params: [['id', id]],
  });

test('each kind takes its texts, and no others', () => {
  for (const [kind, text, value] of [
    ['integer', '7', 7],
    ['integer', '-0', 0],
    ['integer', '+007', 7],
    ['integer', '9007199254740991', Number.MAX_SAFE_INTEGER],
    ['number', '-1.5e3', -1_500],
    ['number', '.5', 0.5],
    ['number', '7.', 7],
    ['boolean', 'true', true],
    ['boolean', 'false', false],
    ['json', '{"a":[1]}', { a: [1] }],
    ['json', 'null', null],
    [Number, '0x10', 16],
    [BigInt, '9007199254740993', 9_007_199_254_740_993n],
    [(text) => text.split(','), 'a,b', ['a', 'b']],
  ]) {
    assert.deepEqual(parse(kind, text), value, `${String(kind)} ${text}`);
  }
  for (const [kind, text] of [
    ['integer', ''],
    ['integer', ' 7'],
    ['integer', '7.0'],
    ['integer', '1e3'],
    ['integer', '0x10'],
    ['integer', '٧'],
    ['integer', '9007199254740992'],
    ['number', ''],
    ['number', '.'],
    ['number', 'NaN'],
    ['number', 'Infinity'],
    ['number', '1e999'],
    ['number', '1_000'],
    ['boolean', 'True'],
    ['boolean', '1'],
    ['json', ''],
    ['json', '{a: 1}'],
    [Number, 'x'],
    [BigInt, 'x'],
    [() => undefined, 'x'],
  ]) {
    assert.throws(() => parse(kind, text), Unparsed, `${String(kind)} ${text}`);
  }
  for (const kind of ['int', undefined, null, 'constructor']) {
    assert.throws(() => parse(kind, '7'), /^TypeError: a kind is 'integer', 'number', /);
  }
});

test('a group or a query that is none of its kind is a 400 that names it', () => {
  const request = asked('page=2&size=many&page=3', '7');
  assert.equal(request.paramAs('id', 'integer'), 7);
  assert.equal(request.paramAs(0, BigInt), 7n);
  assert.equal(request.queryAs('page', 'integer', 1), 2);
  assert.deepEqual(
    [request.queryAs('sort', 'integer'), request.queryAs('sort', 'number', 1)],
    [undefined, 1],
  );
  const size = { name: 'HTTPError', status: 400, message: '`size`: neither `true` nor `false`' };
  assert.throws(() => request.queryAs('size', 'boolean', true), size);
  const range = 'not an integer from -9007199254740991 to 9007199254740991';
  const wrong = asked(undefined, 'x');
  assert.throws(() => wrong.paramAs('id', 'integer'), { status: 400, message: `\`id\`: ${range}` });
  assert.throws(() => wrong.paramAs('id', 'integer', { status: 404 }), { status: 404 });
  const odd = (text) => {
    throw new RangeError(`${text} is odd`);
  };
  assert.throws(() => wrong.paramAs('id', odd), { status: 400, message: '`id`: x is odd' });
  const own = () => {
    throw new HTTPError(410, 'gone');
  };
  assert.throws(() => wrong.paramAs('id', own), { status: 410, message: 'gone' });
  // Routers put their own parameters there.
  Object.assign(request, { query: { page: '9' }, params: { number: '8' } });
  assert.equal(request.queryAs('page', 'integer'), 2);
  assert.equal(request.paramAs('number', 'integer'), 8);
  // A group that took no part in the match is empty; one that is not there is a fault of the guest.
  assert.throws(() => asked(undefined, '').paramAs('id', 'integer'), { status: 400 });
  for (const name of ['other', 1, 'constructor']) {
    assert.throws(
      () => wrong.paramAs(name, 'integer'),
      /^TypeError: the route's pattern has no group/,
    );
  }
});

test('a value of snow.toml that is none of its kind is an error that does not show it', () => {
  host.config.set('size', '20').set('on', 'true').set('limits', '{"a":1}').set('bad', 's3cret');
  assert.deepEqual(
    [
      config.parsed('size', 'integer', 10),
      config.parsed('on', 'boolean'),
      config.parsed('limits', 'json'),
    ],
    [20, true, { a: 1 }],
  );
  assert.deepEqual(
    [config.parsed('none', 'integer'), config.parsed('none', 'integer', 3)],
    [undefined, 3],
  );
  for (const kind of ['integer', 'number', 'boolean', 'json', Number, BigInt]) {
    assert.throws(
      () => config.parsed('bad', kind, 1),
      (error) => {
        const begins = "the value of `bad` in the `config` of snow.toml can't be used";
        assert.ok(!(error instanceof HTTPError) && error.message.startsWith(begins), error.message);
        assert.ok(!`${error.stack} ${error.cause}`.includes('s3cret'), error.stack);
        return true;
      },
    );
  }
});
