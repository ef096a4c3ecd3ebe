// The cases of `guest-sdk/tests/vectors.json`, which the SDKs of all languages take from there: so a
// cookie, a session or a form means the same to each of them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import './host.js';

const { File } = await import('../engine/js/blob.js');
const { cookie } = await import('../engine/js/cookies.js');
const { HTTPError } = await import('../engine/js/failures.js');
const { Request } = await import('../engine/js/messages.js');
const sessions = await import('../engine/js/sessions.js');
const { SignatureError, SigningKeys } = await import('../engine/js/signing.js');

const file = new URL('../../tests/vectors.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8'));

/** Returns a value as the host gives it: bytes, as characters. */
const asBytes = (value) => Buffer.from(value).toString('latin1');

function withFields(name, values) {
  const request = new Request('http://localhost/');
  for (const value of values) request.headers.append(name, asBytes(value));
  return request;
}

test('signatures are those of all languages', () => {
  const { keys: text, read_keys: read, bad_keys: bad, signs, taken, refused } = vectors.signed;
  const keys = SigningKeys._parse(text);
  for (const other of [text, ...read]) assert.equal(SigningKeys._parse(other)._text(), text);
  for (const { name, value, now, text } of signs) {
    assert.equal(keys._signAt(name, value, now), text, name);
  }
  for (const { name, text, max_age: maxAge, now, value } of taken) {
    assert.equal(keys._verifyAt(name, text, maxAge, now), value, text);
  }
  for (const { name, text, max_age: maxAge, now, why } of refused) {
    const isIt = (error) => error instanceof SignatureError && error.code === why;
    assert.throws(() => keys._verifyAt(name, text, maxAge, now), isIt, `${why} ${text}`);
  }
  for (const text of bad) assert.throws(() => SigningKeys._parse(text), undefined, text);
});

test('sessions are those of all languages', () => {
  const { records, read, unreadable } = vectors.sessions;
  for (const { text, written, fields } of records) {
    const read = sessions.parse(text);
    assert.deepEqual([read.written, Object.fromEntries(read.fields)], [written, fields]);
    assert.equal(sessions.toText(written, read.fields), text);
    assert.equal(sessions.toText(written, new Map([...read.fields].reverse())), text);
  }
  for (const { text, written, fields } of read) {
    const found = sessions.parse(text);
    assert.deepEqual([found.written, Object.fromEntries(found.fields)], [written, fields], text);
  }
  for (const text of unreadable) assert.throws(() => sessions.parse(text), undefined, text);
});

test('forms are those of all languages', async () => {
  for (const { kind, body, limits, fields = [], files = [], status, message } of vectors.forms) {
    const headers = { 'content-type': asBytes(kind) };
    const request = new Request('http://localhost/', { method: 'POST', headers, body });
    const about = `${kind} ${body.slice(0, 100)}`;
    const within = limits && {
      partsMax: limits.parts_max,
      valueBytesMax: limits.value_bytes_max,
      fileBytesMax: limits.file_bytes_max,
    };
    if (status !== undefined) {
      await assert.rejects(request.formData(within), (error) => {
        assert.ok(error instanceof HTTPError, about);
        assert.deepEqual([error.status, error.message], [status, message], about);
        return true;
      });
      continue;
    }
    const entries = [...(await request.formData(within))];
    const isFile = ([, value]) => value instanceof File;
    assert.deepEqual(
      entries.filter((each) => !isFile(each)),
      fields,
      about,
    );
    const found = entries
      .filter(isFile)
      .map(async ([name, value]) => [name, value.name, value.type || null, await value.text()]);
    assert.deepEqual(await Promise.all(found), files, about);
  }
});

test('cookies are those of all languages', () => {
  for (const { fields, cookies } of vectors.cookies.read) {
    assert.deepEqual(withFields('cookie', fields).cookies(), cookies);
  }
  for (const { name, value, field, why, ...rest } of vectors.cookies.set) {
    const { path, domain, max_age: maxAgeSeconds, secure, http_only: httpOnly } = rest;
    const options = { path, domain, maxAgeSeconds, secure, httpOnly, sameSite: rest.same_site };
    if (why === undefined) {
      assert.equal(cookie(name, value, options), field);
      continue;
    }
    assert.throws(
      () => cookie(name, value, options),
      (error) => error instanceof TypeError && error.message.endsWith(`: ${why}`),
      `${name} ${value}`,
    );
  }
});

test('the best media type is that of all languages', () => {
  for (const { fields, offered, best } of vectors.accepts) {
    assert.equal(withFields('accept', fields).accepts(offered), best, String(fields));
  }
});
