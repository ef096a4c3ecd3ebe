// Forms, cookies and what the deployer says, beyond the cases of all languages.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { Blob, File, FormData } = await import('../engine/js/blob.js');
const { cookie } = await import('../engine/js/cookies.js');
const { config, deployment } = await import('../engine/js/deployed.js');
const { Request, Response, html } = await import('../engine/js/messages.js');

beforeEach(() => host.reset());

const post = (type, body) =>
  new Request('http://localhost/', { method: 'POST', headers: { 'content-type': type }, body });
const withCookie = (value) => new Request('http://localhost/', { headers: { cookie: value } });

test('blobs, files and forms are those of the web', async () => {
  const blob = new Blob(['aä', Uint8Array.of(33)], { type: 'Text/Plain' });
  assert.deepEqual([blob.size, blob.type, await blob.text()], [4, 'text/plain', 'aä!']);
  assert.equal(await blob.slice(-1).text(), '!');
  const form = new FormData();
  form.append('a', 1);
  form.append('f', blob, 'x.txt');
  form.append('a', '2');
  assert.deepEqual(form.getAll('a'), ['1', '2']);
  assert.ok(form.get('f') instanceof File && form.get('f').name === 'x.txt');
  form.set('a', '3');
  assert.deepEqual([...form.keys()], ['a', 'f']);
  const answer = new Response(blob);
  assert.equal(answer.headers.get('content-type'), 'text/plain');
  assert.equal(await (await answer.blob()).text(), 'aä!');
  assert.equal(html('<p>').headers.get('content-type'), 'text/html; charset=utf-8');
});

test('the largest that a stranger sends is refused at once', async () => {
  const began = performance.now();
  const kind = 'application/x-www-form-urlencoded';
  await assert.rejects(post(kind, 'a&'.repeat(1_000_000)).formData(), { status: 413 });
  assert.equal([...(await post(kind, '&'.repeat(4_000_000)).formData())].length, 0);
  assert.equal(withCookie(`${'a;'.repeat(500_000)}b=c`).cookie('b'), 'c');
  const accept = new Request('http://localhost/');
  accept.headers.set('accept', `a/b;${' '.repeat(1_000_000)}x`);
  assert.equal(accept.accepts('text/html'), null);
  // Seconds for what takes a tenth of one; what is quadratic takes minutes.
  assert.ok(performance.now() - began < 10_000);
});

test('a form says what a handler misses in it', async () => {
  const kind = 'application/x-www-form-urlencoded';
  const form = await post(kind, 'count=2&item=tea&count=x&on=true').formData();
  assert.ok(form instanceof FormData);
  assert.deepEqual([form.required('item'), form.parsed('count', 'integer', 1)], ['tea', 2]);
  assert.deepEqual(
    [form.parsed('on', 'boolean'), form.parsed('off', 'boolean', false)],
    [true, false],
  );
  assert.equal(form.parsed('none', 'integer'), undefined);
  const missing = { status: 400, message: '`none` is missing in the form' };
  assert.throws(() => form.required('none'), missing);
  const wrong = { status: 400, message: '`item`: not a number' };
  assert.throws(() => form.parsed('item', 'number'), wrong);
  // A file is no text.
  const multipart =
    '--x\r\ncontent-disposition: form-data; name=f; filename=a\r\n\r\n1\r\n' +
    '--x\r\ncontent-disposition: form-data; name=f\r\n\r\n2\r\n--x--';
  const mixed = await post('multipart/form-data; boundary=x', multipart).formData();
  assert.ok(mixed.get('f') instanceof File);
  assert.equal(mixed.required('f'), '2');
});

test('the limits of a form are numbers, and header fields have a total', async () => {
  const kind = 'multipart/form-data; boundary=xyz';
  const disposition = 'content-disposition: form-data; name=a; x=';
  // 8,192 bytes each, so 128 parts have the total.
  const head = disposition + 'x'.repeat(8_192 - disposition.length);
  const parts = (count) => `${`--xyz\r\n${head}\r\n\r\n1\r\n`.repeat(count)}--xyz--`;
  assert.equal((await post(kind, parts(128)).formData()).getAll('a').length, 128);
  const message = 'the form has more than 1048576 bytes of header fields';
  await assert.rejects(post(kind, parts(129)).formData(), { status: 413, message });
  for (const partsMax of [NaN, '10', -1, 10n]) {
    await assert.rejects(post(kind, parts(1)).formData({ partsMax }), RangeError, String(partsMax));
  }
  assert.equal([...(await post(kind, parts(1)).formData({ partsMax: null }))].length, 1);
});

test('null is no attribute of a cookie', () => {
  const field = cookie('a', 'b', { path: null, domain: null, maxAgeSeconds: null, sameSite: null });
  assert.equal(field, 'a=b; Path=/');
});

test('the deployer says settings and links', () => {
  host.config.set('token', 's3cret');
  assert.equal(config.get('none'), undefined);
  const secret = config.secret('token');
  assert.deepEqual([`${secret}`, JSON.stringify(secret)], ['Secret(…)', '"Secret(…)"']);
  assert.equal(secret.expose(), 's3cret');
  assert.deepEqual([deployment.cookiePath, deployment.urlFor('/a')], ['/', '/a']);
  Object.assign(host, { mount: '/shop', baseUrl: 'https://example.org/shop' });
  assert.deepEqual([deployment.cookiePath, deployment.pathFor('/a')], ['/shop', '/shop/a']);
  assert.equal(deployment.urlFor('/a'), 'https://example.org/shop/a');
});
