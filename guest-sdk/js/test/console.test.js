// What `console` shows.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { console: own, describe, format } = await import('../engine/js/console.js');

beforeEach(() => host.reset());

test('values are shown', () => {
  const round = { a: 1 };
  round.b = round;
  for (const [values, text] of [
    [['a', 1, true, null, undefined, 5n, -0], 'a 1 true null undefined 5n -0'],
    [[{ a: 'x', b: [1, { c: 2 }] }], '{ a: "x", b: [1, { c: 2 }] }'],
    [[round], '{ a: 1, b: [Circular] }'],
    [[new Map([[1, 'a']]), new Set([2])], 'Map {1 => "a"} Set {2}'],
    [[[[[[[1]]]]]], '[[[[[Array]]]]]'],
    [[new Uint8Array(3), new Date(0), /x/g], 'Uint8Array(3) 1970-01-01T00:00:00.000Z /x/g'],
    [[class A {}, () => 1], '[Function A] [Function (anonymous)]'],
    [['%s is %d%%, %o', 'a', '7', { b: 1 }, 'more'], 'a is 7%, { b: 1 } more'],
  ]) {
    assert.equal(format(values), text);
  }
  assert.match(format([new Array(200).fill(0)]), /… 1 more\]$/);
});

test('what throws when it is looked at is shown all the same', () => {
  const hostile = {
    get x() {
      throw new Error('no');
    },
  };
  assert.equal(format(['a', hostile, 'b']), 'a [can not be shown: it throws] b');
  const error = Object.defineProperty(
    new Error('m'),
    'stack',
    Object.getOwnPropertyDescriptor(hostile, 'x'),
  );
  assert.equal(describe(error), 'thrown: what can not be shown, since it throws');
  assert.match(describe({ hostile }), /^thrown: \{ hostile: \[can not/);
  assert.equal(format(['%d %s %i', 1n, Symbol('s'), Symbol('i')]), '1n Symbol(s) Symbol(i)');
});

test('lines have the level of their method', () => {
  own.log('a\nb');
  own.error('c');
  own.group('g');
  own.debug('d');
  own.groupEnd();
  own.assert(true, 'e');
  own.assert(false, 'f');
  assert.deepEqual(host.log, [
    [2, 'a'],
    [2, 'b'],
    [4, 'c'],
    [2, 'g'],
    [1, '  d'],
    [4, 'Assertion failed f'],
  ]);
});

test('an error is described with its causes', () => {
  const inner = new TypeError('inner');
  inner.stack = '    at f (hello.js:1:2)\n    at route (snow:routes.js:3:4)\n';
  const outer = new Error('outer', { cause: inner });
  outer.stack = '';
  const words = 'Error: outer\ncaused by TypeError: inner\n    at f (hello.js:1:2)';
  assert.equal(describe(outer), words);
  assert.equal(describe('a string'), 'thrown: a string');
});
