// Request and Response, in the shapes of the web. A body has arrived whole, so it can be read more
// than once, and is no stream.

import { Blob } from './blob.js';
import { read } from './cookies.js';
import { deployment } from './deployed.js';
import { HTTPError } from './failures.js';
import { best } from './fields.js';
import { parse } from './form.js';
import { Headers } from './headers.js';
import { LEVELS, write } from './console.js';
import { parsedBy } from './parsed.js';
import { decode, encode, octets } from './text.js';
import { URL, URLSearchParams } from './url.js';

/** Says that a constructor gets what the host handed over. */
const RAW = Symbol('raw');

const TEXT = 'text/plain; charset=utf-8';

/** Returns what a body is made of (a text, bytes or null), and the `content-type` for it. */
export function content(body) {
  if (body === null || body === undefined) return [null, null];
  if (typeof body === 'string') return [body, TEXT];
  if (body instanceof URLSearchParams) {
    return [body.toString(), 'application/x-www-form-urlencoded;charset=UTF-8'];
  }
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return [octets(body), null];
  if (body instanceof Blob) return [body._bytes, body.type || null];
  throw new TypeError('a body is a string, bytes, a Blob, URLSearchParams or null');
}

class Body {
  #content;

  constructor(content) {
    this.#content = content;
  }

  /** The body as the host takes it: a text, bytes or null. */
  get _content() {
    return this.#content;
  }

  get bodyUsed() {
    return false;
  }

  async text() {
    return typeof this.#content === 'string' ? this.#content : decode(await this.bytes());
  }

  async json() {
    return JSON.parse(await this.text());
  }

  async bytes() {
    const content = this.#content ?? '';
    return typeof content === 'string' ? encode(content) : content;
  }

  async blob() {
    return new Blob([await this.bytes()], { type: this.headers.get('content-type') ?? '' });
  }

  async arrayBuffer() {
    const bytes = await this.bytes();
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  }
}

export class Response extends Body {
  #status;
  #headers;
  #statusText;

  constructor(body = null, { status = 200, statusText = '', headers } = {}) {
    const [made, type] = content(body);
    super(made);
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`a response's status is a number from 200 to 599, not ${status}`);
    }
    this.#status = status;
    this.#statusText = String(statusText);
    this.#headers = new Headers(headers);
    if (type !== null && !this.#headers.has('content-type'))
      this.#headers.set('content-type', type);
  }

  static json(value, init = {}) {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`a ${typeof value} can't be sent as JSON`);
    const response = new Response(encode(text), init);
    if (!response.#headers.has('content-type')) {
      response.#headers.set('content-type', 'application/json');
    }
    return response;
  }

  static redirect(url, status = 302) {
    if (![301, 302, 303, 307, 308].includes(status)) {
      throw new RangeError(`${status} is not the status of a redirect`);
    }
    // A URL is ASCII, with all else percent-encoded.
    const location = String(url)
      .toWellFormed()
      .replace(/[^\0-\x7f]+/g, encodeURIComponent);
    return new Response(null, { status, headers: { location } });
  }

  get status() {
    return this.#status;
  }

  get statusText() {
    return this.#statusText;
  }

  get ok() {
    return this.#status < 300;
  }

  get headers() {
    return this.#headers;
  }

  clone() {
    return new Response(this._content, this);
  }

  get [Symbol.toStringTag]() {
    return 'Response';
  }
}

export class Request extends Body {
  /** The request as `wit/snow.wit` has it. */
  #raw;
  #headers;
  #params;
  #query;

  constructor(input, init = {}) {
    if (input === RAW) {
      super(init.body);
      this.#raw = init;
      return;
    }
    const from = input instanceof Request ? input : null;
    const url = new URL(from ? from.url : input);
    const [body, type] =
      init.body === undefined && from ? [from._content, null] : content(init.body);
    super(body);
    this.#headers = new Headers(init.headers ?? from?.headers);
    if (type !== null && !this.#headers.has('content-type'))
      this.#headers.set('content-type', type);
    this.#raw = {
      id: from?.id ?? '',
      client: from?.client ?? '',
      scheme: url.protocol.slice(0, -1),
      authority: url.host,
      method: String(init.method ?? from?.method ?? 'GET'),
      path: url.pathname,
      query: url.search === '' ? undefined : url.search.slice(1),
      params: from ? from.#raw.params : [],
    };
  }

  /** Makes a request of what the host handed over. */
  static _of(raw) {
    return new Request(RAW, raw);
  }

  get method() {
    return this.#raw.method;
  }

  get url() {
    const { scheme, authority, path, query } = this.#raw;
    const search = query === undefined ? '' : `?${query}`;
    return `${scheme}://${authority || 'localhost'}${path}${search}`;
  }

  get headers() {
    return (this.#headers ??= new Headers(this.#raw.headers));
  }

  get path() {
    return this.#raw.path;
  }

  get query() {
    return (this.#query ??= this.#searchParams());
  }

  #searchParams() {
    return new URLSearchParams(this.#raw.query ?? '');
  }

  // The web's requests have no `query` and no `params`, so routers put theirs there.
  set query(query) {
    this.#query = query;
  }

  get params() {
    if (this.#params === undefined) {
      this.#params = {};
      for (const [index, [name, value]] of this.#raw.params.entries()) {
        this.#params[index] = value;
        if (name !== undefined) this.#params[name] = value;
      }
    }
    return this.#params;
  }

  set params(params) {
    this.#params = params;
  }

  get id() {
    return this.#raw.id;
  }

  get client() {
    return this.#raw.client;
  }

  /** Returns the content, parsed. What is not JSON is the client's fault, and answered so. */
  async json() {
    let text = '?';
    try {
      text = await this.text();
      return JSON.parse(text);
    } catch (cause) {
      const why = text.trim() === '' ? 'it is empty' : cause.message;
      throw new HTTPError(400, `the request's body is not JSON: ${why}`, { cause });
    }
  }

  /** Returns the form in the content. What is none is the client's fault, and answered so. */
  async formData(limits) {
    return parse(this.headers._first('content-type') ?? '', await this.bytes(), limits);
  }

  /**
   * Returns what a group of the route's pattern matched, parsed. What can't be parsed is the
   * client's fault: a 400 that names the group, or another status.
   */
  paramAs(name, kind, { status = 400 } = {}) {
    const text = Object.hasOwn(this.params, name) ? this.params[name] : undefined;
    if (text === undefined) throw new TypeError(`the route's pattern has no group \`${name}\``);
    return parsedBy(kind, name, text, status);
  }

  /** Returns the first value of this name in the query, parsed. What can't be parsed is a 400. */
  queryAs(name, kind, fallback) {
    // A router may have put something else in the place of the query.
    const query = this.query instanceof URLSearchParams ? this.query : this.#searchParams();
    const text = query.get(name);
    return text === null ? fallback : parsedBy(kind, name, text);
  }

  /** Returns the cookies in the order sent, as pairs. */
  cookies() {
    return [...read(this.headers.get('cookie'))];
  }

  /** Returns the first cookie of this name; null if there is none. */
  cookie(name) {
    for (const [known, value] of read(this.headers.get('cookie'))) {
      if (known === name) return value;
    }
    return null;
  }

  /** Returns the value of a signed cookie; null if there is none that is to be taken. */
  signedCookie(name, keys, maxAgeSeconds) {
    const text = this.cookie(name);
    if (text === null) return null;
    try {
      return keys.verify(name, text, maxAgeSeconds);
    } catch (error) {
      if (error?.name !== 'SignatureError') throw error;
      write(LEVELS.debug, `the cookie ${JSON.stringify(name)} is not taken: ${error.message}`);
      return null;
    }
  }

  /** Returns which of these media types the client would like best; null for none of them. */
  accepts(...offered) {
    return best(this.headers.get('accept'), offered.flat());
  }

  /** Returns the link to a path of this guest: a whole URL if the host knows it. */
  urlFor(path) {
    return deployment.urlFor(path);
  }

  /** Returns the link to a path of this guest on the same server. */
  pathFor(path) {
    return deployment.pathFor(path);
  }

  clone() {
    return new Request(this);
  }

  get [Symbol.toStringTag]() {
    return 'Request';
  }
}

/** Returns an answer of HTML. */
export function html(text, init = {}) {
  const response = new Response(String(text), init);
  if (!new Headers(init.headers).has('content-type')) {
    response.headers.set('content-type', 'text/html; charset=utf-8');
  }
  return response;
}
