// Routes, what handlers return, and how requests go on.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { closeRoutes, handle, resume, route, routes, suspend } = await import(
  '../engine/js/routes.js'
);
const { HTTPError } = await import('../engine/js/failures.js');
const { Response } = await import('../engine/js/messages.js');
const { Failure, setAll, setNext, setResult } = await import('../engine/js/settling.js');
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
    [['GET POST', '/x', handler], 'write \'GET|POST\' for "GET POST"'],
    [[['GET', 'put'], '/x', handler], 'write \'GET|PUT\' for ["GET","put"]'],
    [[[], '/x', handler], "write 'any' for []"],
    [['get', '/x', handler], 'write \'GET\' for "get"'],
    [['*', '/x', handler], 'write \'any\' for "*"'],
    [['GET|any', '/x', handler], 'write \'any\' for "GET|any"'],
    [[undefined, '/x', handler], "'GET', several as in 'GET|POST', or 'any'"],
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
  route('any', /\/a\/(?<b>.*)/u, handler);
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
  const { pendings, ...suspension } = handle(index, raw());
  assert.equal(pendings.length, 2);
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
  // Text is 200, here as anywhere.
  const text = call(() => suspend(pending('a'), { onTimeout: 'late' })).onTimeout;
  assert.deepEqual([text.status, text.body], [200, 'late']);
  assert.throws(() => suspend('a'), /no pending/);
  assert.throws(() => suspend(pending('a'), { until: 'some' }), /"all" or "any"/);
});

test('what resumes has no answer for the deadline beside it', () => {
  const goOn = () => '';
  const options = { onTimeout: 'late' };
  const both = serve(() => suspend(pending('a'), options), { resume: goOn });
  assert.throws(() => handle(both, raw()), {
    name: 'TypeError',
    message: /both `onTimeout` and `resume`.*resumed\.timedOut/,
  });
  options.resume = false;
  assert.equal(handle(both, raw()).onTimeout.body, 'late');
});

test('an answer can be thrown', async () => {
  const not = () => new HTTPError(404, 'no such order');
  const made = { status: 404, headers: [['content-type', 'text/plain; charset=utf-8']] };
  const throws = (value) => () => {
    throw value;
  };
  assert.deepEqual(call(throws(not())), { ...made, body: 'no such order' });
  assert.deepEqual(await call(async () => throws(not())()), { ...made, body: 'no such order' });
  assert.deepEqual(call(not), { ...made, body: 'no such order' }, 'returned, it is one too');
  assert.equal(call(throws(new Response('', { status: 302 }))).status, 302);
  assert.equal((await call(async () => throws(new Response('', { status: 302 }))())).status, 302);
  const index = serve(() => '', { resume: throws(not()) });
  const resumed = { timedOut: true, request: null, state: bytes('[0,null]'), arrivals: [] };
  assert.equal(resume(index, resumed).status, 404);
  assert.throws(() => call(throws(new Error('no'))), { message: 'no' });
  await assert.rejects(
    call(async () => throws(7)()),
    (thrown) => thrown === 7,
  );
  assert.throws(() => call(() => new Error('no')), /returned an error: throw it/);
  for (const status of [200, 399, 600, 404.5, '404']) {
    assert.throws(() => new HTTPError(status), /a number from 400 to 599, not/);
  }
});

test('a body that is not JSON is answered 400', async () => {
  const read = async (request) => (await request.json()).a;
  const index = serve(read);
  const answer = async (body) => {
    const { status, body: text } = await handle(index, raw({ method: 'POST', body }));
    return [status, text];
  };
  assert.deepEqual(await answer(null), [400, "the request's body is not JSON: it is empty"]);
  const [status, text] = await answer(bytes('{"a":'));
  assert.ok(status === 400 && /^the request's body is not JSON: .+/.test(text), text);
  assert.deepEqual(await answer(bytes('{"a":"b"}')), [200, 'b']);
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
  setNext('k', 'text');
  setAll('k', { a: 1 });
  setResult('t', Object.assign(new Error('m'), { code: 'c' }));
  setNext('k', new Response('r', { status: 201 }));
  setNext('k');
  setNext('k', new Failure('sold-out', 'nothing is left'));
  const [text, json, failure, response, nothing, own] = host.settled.map(
    ([, , settlement]) => settlement,
  );
  assert.deepEqual(text, { tag: 'value', val: 'text' });
  assert.deepEqual(json, { tag: 'value', val: '{"a":1}' });
  assert.deepEqual(failure, { tag: 'failed', val: { code: 'c', message: 'm' } });
  assert.equal(response.val.status, 201);
  assert.deepEqual(nothing, { tag: 'value', val: '' });
  assert.deepEqual(own.val, { code: 'sold-out', message: 'nothing is left' });
  assert.throws(() => setNext('k', () => 1), TypeError);
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
