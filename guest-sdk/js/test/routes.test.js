// Routes, what handlers return, and how requests go on.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { closeRoutes, handle, resume, route, routes, suspend } = await import('../engine/js/routes.js');
const { Response } = await import('../engine/js/messages.js');
const { Failure, settle, settleAll, settleNext } = await import('../engine/js/settling.js');
const { pending } = await import('../engine/js/waiting.js');

/** Serves a handler, and returns the number of its route. */
let count = 0;
const serve = (handler, options) => {
  route('GET', `/${count}`, handler, options);
  return count++;
};
const raw = (more) => ({ method: 'GET', path: '/', params: [], headers: [], body: null, ...more });
const call = (handler) => handle(serve(handler), raw());
const bytes = (text) => new TextEncoder().encode(text);

beforeEach(() => host.reset());

test('what a handler returns becomes a response', async () => {
  const fields = (type) => [['content-type', type]];
  assert.deepEqual(
    call(() => 'x'),
    { status: 200, headers: fields('text/plain; charset=utf-8'), body: 'x' },
  );
  assert.deepEqual(
    call(() => [1]),
    { status: 200, headers: fields('application/json'), body: '[1]' },
  );
  assert.deepEqual(call(() => bytes('x')).headers, fields('application/octet-stream'));
  assert.deepEqual(
    call(() => new Response(null, { status: 204 })),
    { status: 204, headers: [], body: null },
  );
  assert.equal((await call(async () => ({ a: 1 }))).body, '{"a":1}');
});

test('what is no answer is named', async () => {
  for (const [value, words] of [
    [undefined, 'returned undefined'],
    [null, 'returned null'],
    [7, 'returned a number'],
    [true, 'returned a boolean'],
    [() => 1, 'returned a function'],
  ]) {
    assert.throws(
      () => call(() => value),
      (error) => {
        assert.ok(error instanceof TypeError);
        return (
          error.message.includes(words) && /the handler of GET \/\d+ \(.*:\d+\)/.test(error.message)
        );
      },
    );
  }
  await assert.rejects(
    call(async () => 7),
    /returned a number/,
  );
});

test('routes that can not be are refused at once', () => {
  const handler = () => '';
  for (const [arguments_, words] of [
    [['GET', '/x'], 'the handler of the route /x is a function, not undefined'],
    [['G T', '/x', handler], 'is no method'],
    [['GET', 7, handler], 'a string or a RegExp, not a number'],
    [['GET', '/x', handler, { resume: 1 }], '`resume` of the route /x'],
  ]) {
    assert.throws(
      () => route(...arguments_),
      (error) => error.message.includes(words),
    );
  }
});

test('a pattern may be a RegExp', () => {
  const handler = () => '';
  route('*', /\/a\/(?<b>.*)/u, handler);
  route(['GET', 'PUT'], /\/c/gi, handler);
  count += 2;
});

test('a suspension carries what resumes it', async () => {
  const second = (resumed) => `${resumed.state.step} ${resumed.text()} ${resumed.index}`;
  const index = serve(
    () =>
      suspend([pending('a'), pending('b')], {
        until: 'any',
        timeoutMs: 5,
        resume: second,
        state: { step: 2 },
      }),
    { resume: [() => 'first', second] },
  );
  const suspension = handle(index, raw());
  assert.deepEqual(suspension, {
    handles: [0, 1],
    all: false,
    timeoutMs: 5,
    onTimeout: undefined,
    resume: true,
    keepRequest: false,
    state: '[1,{"step":2}]',
  });
  const resumed = {
    timedOut: false,
    request: null,
    state: bytes(suspension.state),
    arrivals: [
      [2, null],
      [3, { tag: 'value', val: bytes('came') }],
    ],
  };
  assert.equal(resume(index, resumed).body, '2 came 1');
});

test('without `resume` the host answers', () => {
  const suspension = call(() =>
    suspend(pending('a'), { onTimeout: new Response('late', { status: 504 }) }),
  );
  assert.equal(suspension.resume, false);
  assert.deepEqual([suspension.onTimeout.status, suspension.onTimeout.body], [504, 'late']);
  assert.throws(
    () => call(() => suspend(pending('a'), { resume: function later() {} })),
    /give it to the route/,
  );
  assert.throws(() => suspend('a'), /no pending/);
  assert.throws(() => suspend(pending('a'), { until: 'some' }), /"all" or "any"/);
});

test('a wait that is over tells what came', () => {
  let seen;
  const index = serve(() => '', { resume: (resumed) => ((seen = resumed), '') });
  const failed = { tag: 'failed', val: { code: 'c', message: 'm' } };
  const whole = {
    tag: 'response',
    val: { status: 201, headers: [['a', 'b']], body: bytes('made') },
  };
  resume(index, {
    timedOut: true,
    request: raw({ path: '/kept' }),
    state: bytes('[0,null]'),
    arrivals: [
      [1, null],
      [2, whole],
      [3, failed],
    ],
  });
  assert.ok(seen.timedOut && seen.request.path === '/kept' && seen.state === null);
  assert.equal(seen.value.response.status, 201);
  assert.equal(seen.text(), 'made');
  assert.ok(seen.failure instanceof Failure && seen.settlements[2].code === 'c');
  assert.equal(seen.settlements[0], null);
  assert.equal(seen.unsettled.length, 1);
});

test('anything can be settled with', () => {
  settleNext('k', 'text');
  settleAll('k', { a: 1 });
  settle('t', Object.assign(new Error('m'), { code: 'c' }));
  settleNext('k', new Response('r', { status: 201 }));
  settleNext('k');
  const [text, json, failure, response, nothing] = host.settled.map(
    ([, , settlement]) => settlement,
  );
  assert.deepEqual(text, { tag: 'value', val: 'text' });
  assert.deepEqual(json, { tag: 'value', val: '{"a":1}' });
  assert.deepEqual(failure, { tag: 'failed', val: { code: 'c', message: 'm' } });
  assert.equal(response.val.status, 201);
  assert.deepEqual(nothing, { tag: 'value', val: '' });
  assert.throws(() => settleNext('k', () => 1), TypeError);
});

test('routes are made while the file is evaluated', () => {
  assert.equal(routes().length, count);
  const patterns = routes().map(({ pattern }) => pattern);
  assert.ok(patterns.includes('/a/(?<b>.*)') && patterns.includes('(?i)/c'), patterns);
  const before = routes().length;
  closeRoutes();
  assert.throws(() => route('GET', '/late', () => ''), /the route \/late comes too late/);
  assert.equal(routes().length, before);
});
