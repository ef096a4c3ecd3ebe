// The types of the web, beside those of Node.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { host } from './host.js';

const { Headers } = await import('../engine/js/headers.js');
const { URL: OwnURL, URLSearchParams: OwnParams } = await import('../engine/js/url.js');
const { Request, Response } = await import('../engine/js/messages.js');
const { TextDecoder: OwnDecoder, TextEncoder: OwnEncoder } = await import('../engine/js/text.js');
const { parse } = await import('../engine/js/json.js');
const { beginTime, performance: own } = await import('../engine/js/performance.js');
const { structuredClone: clone } = await import('../engine/js/clone.js');

test('the times of an instance begin with it', () => {
  host.reset();
  host.now = 5_000;
  const before = Date.now();
  beginTime();
  assert.ok(own.timeOrigin >= before && own.timeOrigin <= Date.now());
  assert.equal(own.now(), 0);
  host.now = 5_007.5;
  assert.equal(own.now(), 7.5);
  assert.deepEqual(own.toJSON(), { timeOrigin: own.timeOrigin });
});

test('parameters are those of Node', () => {
  for (const text of ['', '?a=1&b=2', 'a=b=c&&=x&y', 'a+b=%20%2B', 'ä=ö&%zz=%e4', "q='()!*~-._"]) {
    const [own, node] = [new OwnParams(text), new URLSearchParams(text)];
    assert.deepEqual([...own], [...node], text);
    assert.equal(own.toString(), node.toString(), text);
  }
  const [own, node] = [new OwnParams({ b: 1, a: 2 }), new URLSearchParams({ b: 1, a: 2 })];
  for (const params of [own, node]) {
    params.append('a', 3);
    params.set('b', 4);
    params.append('c', 5);
    params.delete('a', '2');
    params.sort();
  }
  assert.equal(own.toString(), node.toString());
  assert.equal(own.size, 3);
  assert.deepEqual(own.getAll('a'), ['3']);
  assert.equal(own.get('none'), null);
  assert.ok(own.has('c', '5') && !own.has('c', '6'));
});

test('a URL follows its parameters', () => {
  const url = new OwnURL('/a?x=1#top', 'https://example.org:8080');
  url.searchParams.append('y', 'z w');
  assert.equal(url.href, 'https://example.org:8080/a?x=1&y=z+w#top');
  url.search = '?q=2';
  assert.equal(url.searchParams.get('q'), '2');
  url.hostname = 'example.com';
  assert.equal(String(url), 'https://example.com:8080/a?q=2#top');
  assert.throws(() => new OwnURL('nowhere'), TypeError);
  assert.equal(OwnURL.parse('nowhere'), null);
  assert.equal(JSON.stringify({ url }), `{"url":"${url}"}`);
});

test('headers are found in any case and kept in order', () => {
  const headers = new Headers({ 'X-B': ' 1 ', accept: 'a' });
  headers.append('x-b', 2);
  headers.append('set-cookie', 'a=1');
  headers.append('Set-Cookie', 'b=2');
  assert.equal(headers.get('X-b'), '1, 2');
  assert.deepEqual(headers.getSetCookie(), ['a=1', 'b=2']);
  assert.deepEqual([...headers.keys()], ['accept', 'set-cookie', 'set-cookie', 'x-b']);
  assert.throws(() => headers.set('a b', '1'), TypeError);
  assert.throws(() => headers.set('a', '1\r\nb: 2'), TypeError);
  assert.deepEqual([...new Headers(headers)], [...headers]);
});

test('a value of a header is bytes, as characters up to U+00FF', () => {
  const all = String.fromCharCode(...Array(256).keys()).replace(/[\0\r\n]/g, '');
  assert.equal(new Headers({ a: `x${all}x` }).get('a'), `x${all}x`);
  const wrong = { name: 'TypeError', message: /"ż" can't be.*a character above U\+00FF.*encode/i };
  assert.throws(() => new Headers({ a: 'ż' }), wrong);
  assert.throws(() => new Response('', { headers: [['a', 'ż']] }), wrong);
});

test('a response says what it is', async () => {
  assert.equal(new Response('x').headers.get('content-type'), 'text/plain; charset=utf-8');
  const json = Response.json({ a: 1 }, { status: 201 });
  assert.equal(json.status, 201);
  assert.equal(json.headers.get('content-type'), 'application/json');
  assert.deepEqual(await json.json(), { a: 1 });
  assert.equal(Response.redirect('/there').headers.get('location'), '/there');
  assert.equal(Response.redirect('/ä%20b').headers.get('location'), '/%C3%A4%20b');
  assert.deepEqual(
    await new Response(new Uint8Array([1, 2]).buffer).bytes(),
    new Uint8Array([1, 2]),
  );
  assert.equal(await new Response(new Uint8Array([195, 164])).clone().text(), 'ä');
  assert.throws(() => new Response('', { status: 99 }), RangeError);
  assert.throws(() => new Response({}), TypeError);
});

test('a request has its parts', async () => {
  const request = Request._of({
    id: 'r1',
    client: '127.0.0.1:1',
    scheme: 'http',
    authority: 'localhost:8080',
    method: 'POST',
    path: '/a%20b',
    query: 'x=1',
    params: [
      ['who', 'ada'],
      [undefined, '7'],
    ],
    headers: [
      ['accept', 'a'],
      ['accept', 'b'],
    ],
    body: new Uint8Array([123, 125]),
  });
  assert.equal(request.url, 'http://localhost:8080/a%20b?x=1');
  assert.deepEqual(request.params, { 0: 'ada', who: 'ada', 1: '7' });
  assert.equal(request.query.get('x'), '1');
  assert.equal(request.headers.get('Accept'), 'a, b');
  assert.deepEqual(await request.json(), {});
  assert.deepEqual(await request.clone().json(), {}, 'a body can be read again');
  const other = new Request('https://a.b/c?d', { method: 'PUT', body: new OwnParams({ e: 'f' }) });
  assert.equal(other.url, 'https://a.b/c?d');
  assert.equal(await other.text(), 'e=f');
  assert.match(other.headers.get('content-type'), /urlencoded/);
  assert.equal(await new Request('https://a.b').text(), '');
});

test('text is UTF-8', () => {
  const encoder = new OwnEncoder();
  assert.deepEqual(encoder.encode('ä'), new Uint8Array([195, 164]));
  const target = new Uint8Array(4);
  assert.deepEqual(encoder.encodeInto('aä😀', target), { read: 2, written: 3 });
  assert.equal(new OwnDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65, 255])), 'A\uFFFD');
  assert.throws(
    () => new OwnDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])),
    TypeError,
  );
  assert.throws(() => new OwnDecoder('latin1'), RangeError);
  const bytes = new Uint8Array([0, 65, 66]);
  assert.equal(new OwnDecoder().decode(new DataView(bytes.buffer, 1, 1)), 'A');
});

test('JSON is parsed, unless it is nested too deep', () => {
  const nested = (depth) => '['.repeat(depth) + ']'.repeat(depth);
  assert.deepEqual(parse('{"a":[1]}'), { a: [1] });
  assert.deepEqual(
    parse('[1, 2]', (key, value) => (Array.isArray(value) ? value : value + 1)),
    [2, 3],
  );
  assert.throws(() => parse(undefined), SyntaxError);
  assert.equal(JSON.stringify(parse(nested(1_000))), nested(1_000));
  assert.throws(() => parse(nested(1_001)), { name: 'RangeError', message: /more than 1000 deep/ });
});

test('clones are what Node makes of them', () => {
  const round = { list: [1, , 'x'], date: new Date(7), map: new Map([['a', new Set([1n])]]) };
  round.self = round;
  round.error = new RangeError('no', { cause: 1 });
  round.bytes = new Uint8Array([1, 2]);
  const copy = clone(round);
  assert.deepEqual(copy, structuredClone(round));
  assert.equal(copy.self, copy);
  assert.ok(copy.error instanceof RangeError);
  assert.throws(() => clone({ f() {} }), { name: 'DataCloneError' });
});

test('cookies of several fields are one value', () => {
  const headers = new Headers([
    ['Cookie', 'a=1'],
    ['cookie', 'b=2'],
    ['accept', 'x'],
    ['accept', 'y'],
  ]);
  assert.deepEqual([headers.get('COOKIE'), headers.get('accept')], ['a=1; b=2', 'x, y']);
  assert.equal(new Map(headers).get('cookie'), 'a=1; b=2');
});
