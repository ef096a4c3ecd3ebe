// Sessions and signatures, beyond the cases of all languages: as `src/session/tests.rs` of the Rust SDK
// and `tests/test_sessions.py` of Python's.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { Request, Response } = await import('../engine/js/messages.js');
const { Sessions } = await import('../engine/js/sessions.js');
const { SignatureError, SigningKeys } = await import('../engine/js/signing.js');
const { bucket } = await import('../engine/js/store.js');

beforeEach(() => host.reset());

const withCookie = (value) => new Request('http://localhost/', { headers: { cookie: value } });

const secret = (byte) => new Uint8Array(32).fill(byte);
const plain = () => new Sessions('shop', { lifetimeSeconds: 1_000 });
const signed = () =>
  new Sessions('shop', { lifetimeSeconds: 1_000, keys: new SigningKeys(1, secret(7)) });

/** A client, with the cookie that it has. */
class Client {
  constructor(cookie = null) {
    this.cookie = cookie;
  }

  session(sessions, now) {
    const request = this.cookie === null ? withCookie('') : withCookie(`session=${this.cookie}`);
    return sessions._ofAt(request, now);
  }

  /** Does something with its session at a time, and returns whether it got a cookie. */
  does(sessions, now, act = () => {}) {
    const session = this.session(sessions, now);
    act(session);
    return this.takes(session.save(new Response('')));
  }

  takes(response) {
    const [field] = response.headers.getSetCookie();
    if (field === undefined) return false;
    assert.match(field, /; HttpOnly; SameSite=Lax$/);
    this.cookie = /^session=([^;]*);/.exec(field)[1] || null;
    return true;
  }

  sees(sessions, now) {
    return this.session(sessions, now).get('user');
  }
}

const setUser = (session) => session.set('user', 'ann');

test('what is set is there in the next request', () => {
  for (const sessions of [plain(), signed()]) {
    const client = new Client();
    assert.equal(client.does(sessions, 0), false, 'who does nothing gets no cookie');
    assert.ok(client.does(sessions, 0, (session) => session.set('user', 'ann & bob')));
    assert.equal(client.sees(sessions, 1), 'ann & bob');
    assert.equal(
      client.does(sessions, 1, (session) => session.set('other', '')),
      false,
    );
    assert.equal(
      client.does(sessions, 1, (session) => session.remove('user')),
      false,
    );
    assert.equal(client.sees(sessions, 2), null);
  }
});

test('an id that was made up is no session', () => {
  const madeUp = '0123456789abcdef0123456789abcdef';
  const forged = new SigningKeys(1, secret(8))._signAt('session', madeUp, 0);
  for (const sessions of [plain(), signed()]) {
    for (const text of [madeUp, forged, 'x', '']) {
      const client = new Client(text);
      assert.ok(client.does(sessions, 0, setUser));
      assert.notEqual(client.cookie, text, 'its id is a new one');
      assert.equal(new Client(text).sees(sessions, 0), null);
    }
  }
});

test('what begins to be stored has an id that nobody knew', () => {
  const sessions = signed();
  const client = new Client();
  assert.ok(client.does(sessions, 0, (session) => session.csrfToken()));
  const planted = new Client(client.cookie);
  client.does(sessions, 0, setUser);
  assert.deepEqual([client.sees(sessions, 0), planted.sees(sessions, 0)], ['ann', null]);
});

test('a renewed session has another id and its content', () => {
  for (const sessions of [plain(), signed()]) {
    const client = new Client();
    client.does(sessions, 0, (session) => session.set('basket', '7'));
    const before = new Client(client.cookie);
    const logIn = (session) => {
      session.renew();
      setUser(session);
    };
    assert.ok(client.does(sessions, 0, logIn));
    assert.equal(client.sees(sessions, 0), 'ann');
    client.does(sessions, 0, (session) => assert.equal(session.get('basket'), '7'));
    assert.equal(before.sees(sessions, 0), null);
  }
});

test('a destroyed session stays so', () => {
  for (const sessions of [plain(), signed()]) {
    const client = new Client();
    client.does(sessions, 0, setUser);
    const other = new Client(client.cookie);
    const late = new Client(client.cookie);
    const session = late.session(sessions, 0);
    assert.ok(client.does(sessions, 0, (session) => session.destroy()));
    assert.deepEqual([client.cookie, other.sees(sessions, 0)], [null, null]);
    // A request that began before does not bring it back.
    session.set('user', 'ann');
    assert.match(session.commit(), /^session=; Path=\/; Max-Age=0; /);
    assert.equal(other.sees(sessions, 0), null);
  }
});

test('requests at the same time lose nothing', () => {
  const sessions = plain();
  const client = new Client();
  client.does(sessions, 0, setUser);
  const [one, two] = [client.session(sessions, 0), client.session(sessions, 0)];
  one.set('one', '1');
  two.set('two', '2');
  two.remove('user');
  assert.deepEqual([one.commit(), two.commit()], [null, null]);
  client.does(sessions, 0, (session) => {
    assert.deepEqual(
      ['one', 'two', 'user'].map((name) => session.get(name)),
      ['1', '2', null],
    );
  });
});

test('its time begins anew as it is used', () => {
  const sessions = signed();
  const client = new Client();
  client.does(sessions, 1_000, setUser);
  assert.equal(client.does(sessions, 1_099), false, 'a tenth of its time has not passed');
  assert.ok(client.does(sessions, 1_900));
  assert.ok(client.does(sessions, 2_800), 'by now the first cookie is too old');
  assert.deepEqual([client.sees(sessions, 3_800), client.sees(sessions, 3_801)], ['ann', null]);
});

test('a form has a token of its session', () => {
  const sessions = signed();
  const [ann, bob] = [new Client(), new Client()];
  const [token, other] = [ann, bob].map((client) => {
    let token;
    client.does(sessions, 0, (session) => (token = session.csrfToken()));
    return token;
  });
  const check = (client, token, now) => client.session(sessions, now).checkCsrf(token);
  check(ann, token, 1_000);
  for (const [client, sent, now] of [
    [ann, token, 1_001],
    [ann, other, 0],
    [ann, '', 0],
    [ann, null, 0],
    [new Client(), token, 0],
  ]) {
    assert.throws(() => check(client, sent, now), { name: 'HTTPError', status: 403 });
  }
  const none = /tokens of forms need sessions with `keys`/;
  assert.throws(() => new Client().session(plain(), 0).csrfToken(), none);
  assert.throws(() => new Client().session(plain(), 0).checkCsrf(token), none);
});

test('a session holds texts, and is saved with a response', () => {
  const session = new Client().session(plain(), 0);
  const form = new FormData();
  for (const value of [form.get('none'), undefined, 7, {}, ['a']]) {
    assert.throws(() => session.set('user', value), {
      name: 'TypeError',
      message: /^the value of `user` in a session is a string, not /,
    });
  }
  assert.throws(() => session.set(1, 'a'), /^TypeError: a name in a session is a string/);
  // Half of a character is no text.
  session.set('a\ud800', 'b\ud800');
  assert.deepEqual([session.get('a\ud800'), session.get('a\ufffd')], ['b\ufffd', 'b\ufffd']);
  assert.throws(() => session.save('hello'), /a session is saved with a Response/);
  assert.equal(host.stored.size, 0, 'nothing was written');
  assert.throws(() => session.get(Symbol('a')), TypeError);
});

test('what is no session in the store is an error', () => {
  bucket('shop').set('0'.repeat(32), 'nonsense');
  assert.throws(() => new Client('0'.repeat(32)).session(plain(), 0), /is no session/);
});

test('a session has a time to live, and a cookie that a browser takes', () => {
  for (const lifetimeSeconds of [0, -1, NaN, Infinity, Number.MAX_SAFE_INTEGER, 'x']) {
    assert.throws(() => new Sessions('shop', { lifetimeSeconds }), RangeError);
  }
  // The prefix promises more than the usual path below a mount.
  host.mount = '/shop';
  const session = (options) => {
    const sessions = new Sessions('shop', { cookie: '__Host-id', secure: true, ...options });
    const session = sessions.of(withCookie(''));
    setUser(session);
    return session;
  };
  assert.throws(() => session({}).commit(), /the prefix `__Host-` needs `secure`, the path `\/`/);
  assert.match(
    session({ path: '/' }).commit(),
    /^__Host-id=\w{32}; Path=\/; Max-Age=86400; Secure; /,
  );
});

test('keys are kept in a bucket, and replaced', () => {
  const own = bucket('keys');
  const first = SigningKeys.stored(own);
  const text = first.sign('a', 'b');
  assert.equal(SigningKeys.stored(own).verify('a', text, 60), 'b');
  const second = SigningKeys.rotate(own, 2);
  assert.equal(second.verify('a', text, 60), 'b');
  assert.match(second.sign('a', 'b'), /^1\.2\./);
  const third = SigningKeys.rotate(own, 1);
  assert.match(third.sign('a', 'b'), /^1\.3\./);
  const isIt = (error) => error instanceof SignatureError && error.code === 'unknown-key';
  assert.throws(() => third.verify('a', text, 60), isIt);
  own.set('signing-keys', 'nonsense');
  assert.throws(() => SigningKeys.stored(own), /`signing-keys` can't be read/);
  assert.equal(SigningKeys.rotate(own)._text().split('\n').length, 2, 'one key, which can be read');
  own.delete('signing-keys');
  assert.match(SigningKeys.rotate(own).sign('a', 'b'), /^1\.1\./);
});

test('a forged cookie is none', () => {
  const keys = new SigningKeys(1, 'x'.repeat(32));
  const signed = keys.sign('user', 'ann');
  assert.equal(withCookie(`user=${signed}`).signedCookie('user', keys, 60), 'ann');
  assert.equal(withCookie(`admin=${signed}`).signedCookie('admin', keys, 60), null);
  assert.equal(withCookie('user=1.1.x').signedCookie('user', keys, 60), null);
});
