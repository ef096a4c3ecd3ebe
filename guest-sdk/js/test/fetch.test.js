// Requests to other servers.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const waiting = await import('../engine/js/waiting.js');
const { fetch } = await import('../engine/js/fetch.js');
const { Request, Response } = await import('../engine/js/messages.js');
const { Failure } = await import('../engine/js/settling.js');

/** Waits for a fetch as the engine does, once the promise's jobs are done. */
async function came(fetching) {
  const promise = (async () => await fetching)();
  promise.catch(() => {});
  await new Promise((done) => setImmediate(done));
  waiting.idle();
  return promise;
}

const sent = () => host.pendings.at(-1).outgoing;
const settle = (tag, val) => (host.pendings.at(-1).settlement = { tag, val });

beforeEach(() => {
  host.reset();
  waiting.resetWaiting();
});

test('what is not said is up to the host', () => {
  const fetching = fetch('http://a/');
  assert.ok(fetching instanceof waiting.Pending);
  assert.deepEqual(sent(), {
    method: 'GET',
    url: 'http://a/',
    headers: [],
    body: null,
    timeoutMs: undefined,
    connectTimeoutMs: undefined,
    redirects: 0,
    responseBytesMax: undefined,
    collapse: undefined,
  });
});

test('a request has a method, fields and a content', () => {
  const bounds = { timeoutMs: 1.5, connectTimeoutMs: 7, redirects: 3, responseBytesMax: 9 };
  const options = { ...bounds, collapse: 'b' };
  const headers = { 'X-A': 'b' };
  fetch(new URL('http://a/b?c'), { method: 'POST', body: 'x', headers, ...options });
  assert.deepEqual(sent(), {
    ...options,
    method: 'POST',
    url: 'http://a/b?c',
    headers: [
      ['content-type', 'text/plain; charset=utf-8'],
      ['x-a', 'b'],
    ],
    body: 'x',
    timeoutMs: 2,
  });
  fetch(new Request('http://a/b', { method: 'PUT', body: 'y', headers }), { redirects: 1 });
  assert.deepEqual([sent().method, sent().url, sent().body], ['PUT', 'http://a/b', 'y']);
  assert.deepEqual(sent().headers.at(-1), ['x-a', 'b']);
});

test('it is awaited as a response of any status', async () => {
  const fetching = fetch('http://a/');
  const body = new TextEncoder().encode('{"b":1}');
  settle('response', { status: 404, headers: [['x-a', 'b']], body });
  const response = await came(fetching);
  assert.ok(response instanceof Response && !response.ok);
  assert.deepEqual([response.status, response.headers.get('x-a')], [404, 'b']);
  assert.deepEqual([await response.json(), await response.bytes()], [{ b: 1 }, body]);
});

test('a failure is thrown with its code', async () => {
  const fetching = fetch('nothing');
  settle('failed', { code: 'invalid-url', message: 'no URL' });
  await assert.rejects(came(fetching), (error) => {
    return error instanceof Failure && error.code === 'invalid-url';
  });
});

test('it is awaited a second longer than it may take', async () => {
  for (const [timeoutMs, waits] of [
    [undefined, 31_000],
    [60_000, 61_000],
  ]) {
    await assert.rejects(came(fetch('http://a/', { timeoutMs })), { name: 'TimeoutError' });
    assert.deepEqual(host.waits.at(-1), [1, waits]);
  }
});

test('what can not be sent is refused by its name', () => {
  for (const [options, words] of [
    [{ redirects: 256 }, /`redirects` is an integer from 0 to 255, not 256/],
    [{ responseBytesMax: -1 }, /`responseBytesMax`/],
    [{ timeoutMs: 'soon' }, /a number of milliseconds/],
    [{ headers: { a: '\u20ac' } }, /above U\+00FF/],
    [{ body: 7 }, /a body is/],
  ]) {
    assert.throws(() => fetch('http://a/', options), words);
  }
  assert.equal(host.pendings.length, 0);
});
