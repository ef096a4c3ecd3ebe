// Forms, cookies, sessions and what the deployer says, beyond the cases of all languages.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { Blob, File, FormData } = await import('../engine/js/blob.js');
const { config, deployment } = await import('../engine/js/deployed.js');
const { Request, Response, html } = await import('../engine/js/messages.js');
const { Sessions } = await import('../engine/js/sessions.js');
const { SigningKeys } = await import('../engine/js/signing.js');

beforeEach(() => host.reset());

const post = (type, body) =>
  new Request('http://localhost/', { method: 'POST', headers: { 'content-type': type }, body });
const withCookie = (value) => new Request('http://localhost/', { headers: { cookie: value } });
const sent = (field) => withCookie(field.split(';')[0]);

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

test('a session is kept, renewed, and deleted', () => {
  const sessions = new Sessions('shop', { keys: SigningKeys.stored() });
  const first = sessions.of(withCookie(''));
  assert.equal(first.commit(), null);
  first.set('user', 'ann');
  const field = first.commit();
  const again = sessions.of(sent(field));
  assert.equal(again.get('user'), 'ann');
  again.renew();
  const renewed = again.commit();
  assert.notEqual(renewed, field);
  assert.equal(sessions.of(sent(field)).get('user'), null);
  const last = sessions.of(sent(renewed));
  assert.equal(last.get('user'), 'ann');
  last.checkCsrf(last.csrfToken());
  for (const token of ['', null, first.csrfToken()]) {
    assert.throws(() => last.checkCsrf(token), { status: 403 });
  }
  last.destroy();
  assert.match(last.commit(), /^session=; Path=\/; Max-Age=0; /);
  assert.equal(sessions.of(sent(renewed)).get('user'), null);
});

test('a forged cookie is none', () => {
  const keys = new SigningKeys(1, 'x'.repeat(32));
  const signed = keys.sign('user', 'ann');
  assert.equal(withCookie(`user=${signed}`).signedCookie('user', keys, 60), 'ann');
  assert.equal(withCookie(`admin=${signed}`).signedCookie('admin', keys, 60), null);
  assert.equal(withCookie('user=1.1.x').signedCookie('user', keys, 60), null);
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
