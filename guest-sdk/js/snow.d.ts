/**
 * Write guests for snow-host in JavaScript or TypeScript.
 *
 * ```ts
 * import { route } from 'snow';
 *
 * route('GET', '/hello/(?<name>\\w+)', (request) => `hello ${request.params.name}`);
 * ```
 *
 * The globals are those of the web, as far as they are there: `Request`, `Response`, `Headers`,
 * `URL`, `URLSearchParams`, `FormData`, `Blob`, `File`, `TextEncoder`, `TextDecoder`,
 * `crypto.getRandomValues`, `crypto.randomUUID`, `structuredClone`, timers, `console`.
 */
declare module 'snow' {
  /**
   * A request whose body has arrived whole. It can be read more than once.
   *
   * As everywhere on the web, the value of a header is bytes, each of which is a character up to
   * U+00FF. Any value can be read and sent on as it came; one with other characters is refused.
   */
  export interface GuestRequest extends Request {
    /** The id that is also in the host's log and in the answer's `x-request-id`. */
    readonly id: string;
    /** The client's address and port, `127.0.0.1:50412`. */
    readonly client: string;
    /** The path as sent: not percent-decoded, without the guest's mount prefix and the query. */
    readonly path: string;
    /** The query, decoded as a form's. */
    readonly query: URLSearchParams;
    /**
     * What the groups of the route's pattern matched, percent-decoded, by name and by number, from
     * 0. Empty for a group that took no part in the match.
     */
    readonly params: Readonly<Record<string, string>>;
    /** The content; empty if there is none. */
    bytes(): Promise<Uint8Array<ArrayBuffer>>;
    /**
     * The content, parsed as JSON. If it is none, it throws an {@link HTTPError}: the client gets a
     * 400 that says what is wrong with it.
     */
    json(): Promise<any>;
    /**
     * The form in the content: urlencoded, or multipart with its files. What is none throws an
     * {@link HTTPError} that the client gets: 415 for another content type, 400 for a malformed
     * form, 413 for one beyond the limits.
     *
     * @param limits Each field and file of a form is a part. Without it 1,000 parts, 1 MiB of a
     * value and 16 MiB of a file; the host's `body_bytes_max` holds for the whole.
     */
    formData(limits?: FormLimits): Promise<FormData>;
    /** The cookies in the order sent, as pairs of a name and a value. */
    cookies(): [name: string, value: string][];
    /** The first cookie of this name; null if there is none. */
    cookie(name: string): string | null;
    /**
     * The value of a cookie that {@link SigningKeys.sign} made under its name, at most so long ago;
     * null if there is none, or if it was forged or is too old.
     */
    signedCookie(name: string, keys: SigningKeys, maxAgeSeconds: number): string | null;
    /**
     * Which of these media types the client would like best by its `accept`: the first of several
     * that it likes as well, null for none of them.
     */
    accepts<T extends string>(...offered: readonly T[]): T | null;
    accepts<T extends string>(offered: readonly T[]): T | null;
    /** The link to a path of this guest, as {@link deployment.urlFor}. */
    urlFor(path: string): string;
    /** The link to a path of this guest on the same server, as {@link deployment.pathFor}. */
    pathFor(path: string): string;
  }

  /** What a form may have. */
  export interface FormLimits {
    partsMax?: number;
    valueBytesMax?: number;
    fileBytesMax?: number;
  }

  /** Returns an answer of HTML (`text/html; charset=utf-8`). Escape what others wrote. */
  export function html(text: string, init?: ResponseInit): Response;

  /** How a client keeps a cookie. */
  export interface CookieOptions {
    /** What the paths begin with for which it is sent; `/` if it is not given. */
    path?: string;
    domain?: string;
    /** How long it is kept; 0 removes it. Without it, until the browser is closed. */
    maxAgeSeconds?: number;
    secure?: boolean;
    httpOnly?: boolean;
    sameSite?: 'strict' | 'lax' | 'none';
  }

  /**
   * Returns a value for `response.headers.append('set-cookie', …)`. Throws a `TypeError` for what a
   * browser would drop or take otherwise.
   */
  export function cookie(name: string, value: string, options?: CookieOptions): string;

  /**
   * Secret keys that sign texts by HMAC-SHA256, each with a version. The first one signs, and all
   * of them are taken. Guests in other languages that have the same keys read what it signs.
   */
  export class SigningKeys {
    /** @param secret 32 random bytes or more. */
    constructor(version: number, secret: string | Uint8Array | ArrayBuffer);
    /** Returns these keys and an older one, whose texts are taken too. */
    andOlder(version: number, secret: string | Uint8Array | ArrayBuffer): SigningKeys;
    /** Returns the keys that a bucket holds; a random one that it holds from now on, if none. */
    static stored(bucket?: Bucket): SigningKeys;
    /** Puts a random key before those that a bucket holds, and keeps so many in all (2). */
    static rotate(bucket?: Bucket, keep?: number): SigningKeys;
    /** Signs a value, with its name and the time. Everybody can read it, and nobody change it. */
    sign(name: string, value: string): string;
    /**
     * Returns the value of a text that was signed under this name, at most so long ago. Throws a
     * {@link SignatureError}.
     */
    verify(name: string, text: string, maxAgeSeconds: number): string;
  }

  /** Why a signed text is not taken. */
  export class SignatureError extends Error {
    private constructor();
    readonly code: 'malformed' | 'unknown-key' | 'forged' | 'expired' | 'from-the-future';
  }

  /** What a guest's sessions are like. */
  export interface SessionsOptions {
    /** The cookie's name; `session` if it is not given. */
    cookie?: string;
    /** How long a session lives that nobody uses; a day if it is not given. */
    lifetimeSeconds?: number;
    /** Signs the cookies. Tokens of forms need it. */
    keys?: SigningKeys | null;
    /** Whether the cookie is sent by https alone. */
    secure?: boolean;
    /**
     * The path below which the cookie is sent, as the client sees paths; if it is not given, that at
     * which the guest is mounted. Without `mount` in snow.toml that is `/`, and every other guest of
     * the server gets the cookie too. Whoever has the cookie has the session.
     */
    path?: string;
  }

  /** Sessions over a bucket. Make them in a handler if `keys` come from the store. */
  export class Sessions {
    constructor(bucket?: string, options?: SessionsOptions);
    /** Returns the session of the client that sent a request, an empty one if it has none. */
    of(request: GuestRequest): Session;
  }

  /** What a guest remembers of a client: texts by their names. Nothing is written before `save`. */
  export interface Session {
    get(name: string): string | null;
    set(name: string, value: string): void;
    remove(name: string): void;
    /** Gives it a new id: to be called when somebody logs in. */
    renew(): void;
    /** Deletes it: to be called when somebody logs out. */
    destroy(): void;
    /** Returns a token for a form of this session. */
    csrfToken(): string;
    /** Throws an {@link HTTPError} (403) for a token that is not of this session. */
    checkCsrf(token: unknown): void;
    /** Writes what has changed, adds the cookie if the client needs it, and returns the response. */
    save(response: Response): Response;
    /** Writes what has changed; returns a value of `set-cookie` if the client needs it, or null. */
    commit(): string | null;
  }

  /** A text that is not shown by accident. */
  export interface Secret {
    /** Returns the text. */
    expose(): string;
  }

  /** What the deployer says in `[guest.NAME.config]` of snow.toml. To be read in a call. */
  export const config: {
    /** Returns the value of this name; undefined if the deployer gives none. */
    get(name: string): string | undefined;
    /** Returns the secret of this name; undefined if the deployer gives none. */
    secret(name: string): Secret | undefined;
    /** Returns all names and values that are no secrets. */
    all(): Map<string, string>;
  };

  /** Where clients find this guest. A path begins with a slash, and may have a query. */
  export const deployment: {
    /** What the paths of this guest begin with, as clients see them: `/shop`, or nothing. */
    readonly mount: string;
    /** The URL of the guest's root, without a slash at its end; null if the host knows none. */
    readonly baseUrl: string | null;
    /** The path for cookies that this guest alone shall get: `/shop`, or `/`. */
    readonly cookiePath: string;
    /** Returns the link to a path: a whole URL if the host knows it, else as `pathFor`. */
    urlFor(path: string): string;
    /** Returns the link to a path on the same server, for a page or a redirect. */
    pathFor(path: string): string;
  };

  /**
   * An answer that is thrown: `throw new HTTPError(404, 'no such order')`. The client gets the
   * text, and nothing is logged.
   */
  export class HTTPError extends Error {
    /** @param status From 400 to 599. */
    constructor(status: number, text?: string, options?: { cause?: unknown });
    readonly status: number;
  }

  /** Any value that JSON can hold. */
  export type Json =
    | string
    | number
    | boolean
    | null
    | readonly Json[]
    | { readonly [key: string]: Json | undefined };

  /**
   * What a handler may answer with: a text (`text/plain`), an object or a list (sent as JSON),
   * bytes (`application/octet-stream`), a whole response, an {@link HTTPError}, or what a pending
   * was settled with.
   */
  export type Answer =
    | string
    | object
    | Uint8Array
    | ArrayBuffer
    | Response
    | HTTPError
    | Settlement;

  /** What a handler may return. */
  export type Outcome = Answer | Suspension | Promise<Answer | Suspension>;

  export type Handler = (request: GuestRequest) => Outcome;
  export type Resume = (resumed: Resumed) => Outcome;

  /**
   * Serves requests with these methods whose path matches the pattern. The first route that matches
   * wins, in the order of the calls. To be called while the file is evaluated.
   *
   * @param methods `'GET'`, several as in `'GET|POST'` or a list, or `'any'`. GET serves HEAD too.
   * @param pattern A regular expression for the whole path as sent, query not included, in the
   * syntax of the Rust crate `regex`: no look-around, no back-references. It is anchored at both
   * ends.
   * @param handler Called for each request. What it throws is the answer if it is an
   * {@link HTTPError} or a `Response`. Anything else is a 500 that tells the client nothing, and is
   * in the log with its file and line.
   * @param options `resume`: what goes on when a suspension of this route is over; a list, if
   * `suspend` is to choose among several. Without it the host answers with what came.
   */
  export function route(
    methods: string | readonly string[],
    pattern: string | RegExp,
    handler: Handler,
    options?: { resume?: Resume | readonly Resume[] },
  ): void;

  /**
   * Something that will be settled exactly once: by its key, by its token, or by the clock.
   *
   * It belongs to the call that created it. Await it there, or give it to a suspension. A call owns
   * at most `pendings_per_call_max` of them (64) at one time. One is released when what it was
   * settled with was awaited, when nobody has it any more nor waits for it, or when the call ends.
   */
  export interface Pending extends PromiseLike<Settlement>, Disposable {
    /**
     * The right to settle it, for {@link setResult}: at most 64 ASCII characters, safe in a URL,
     * not to be guessed. Whoever has it can settle, so give it only to who may.
     */
    readonly token: string;

    /**
     * Waits in place, this long at most (without a time: 30 seconds), and returns what it was
     * settled with; null if the time passes first. Throws a {@link Failure} if it was settled with
     * an error.
     *
     * It keeps this call's instance all the while, and the host has room for a limited number of
     * calls that wait so; {@link suspend} waits without one. The call ends here, and nothing after
     * this line runs, if its client leaves.
     *
     * `await pending` waits for 30 seconds, from then on, and throws a `TimeoutError`.
     * `Promise.all`, `Promise.race` and `Promise.any` take pendings, and are one wait of the host.
     * Nobody waits any longer for a pending that has lost a race. A promise that was made of one, by
     * `wait` or `then`, goes on: {@link drop} what has lost so, or declare it with `using`.
     */
    wait(options?: { timeoutMs?: number }): Promise<Settlement | null>;

    /** Releases it: nobody can settle it any more. */
    drop(): void;
  }

  /** The class of pendings; {@link pending} and {@link timer} make them. */
  export const Pending: {
    readonly prototype: Pending;
    [Symbol.hasInstance](value: unknown): boolean;
  };

  /**
   * Creates a pending that is settled under this key, or by its token. Several may wait under one
   * key; they are served first in, first out, over all guests.
   *
   * @throws A {@link Refusal}.
   */
  export function pending(key?: string): Pending;

  /**
   * Creates a pending that the clock settles, with an empty value. Its token may settle it earlier.
   */
  export function timer(afterMs: number): Pending;

  /** What a pending was settled with: bytes. */
  export interface Settlement {
    /** The response, if it was settled with one. The other methods read its body. */
    readonly response: Response | null;
    bytes(): Uint8Array<ArrayBuffer>;
    text(): string;
    json(): any;
  }
  export const Settlement: {
    readonly prototype: Settlement;
    [Symbol.hasInstance](value: unknown): boolean;
  };

  /**
   * A wait that failed, because somebody settled it with an error:
   * `setNext(key, new Failure('sold-out', 'nothing is left'))`.
   */
  export class Failure extends Error {
    constructor(code: string, message?: string);
    /** A short, stable word for programs. */
    readonly code: string;
  }

  /** The error that is thrown when the host refuses: `error.name === 'Refusal'`. */
  export interface Refusal extends Error {
    readonly name: 'Refusal';
    readonly code: 'unknown' | 'already-settled' | 'denied' | 'limit';
  }

  /** What a key of a {@link Bucket} holds. */
  export interface Entry {
    readonly value: Uint8Array<ArrayBuffer>;
    /** Tells this content from every other. A later version of a key is a higher number. */
    readonly version: number;
    /** The value as text, with U+FFFD for what is not UTF-8. */
    text(): string;
    /** The text, parsed. */
    json(): any;
  }
  /** What a bucket can keep: a text, bytes, or any other value as JSON. */
  export type Storable = Json | Uint8Array | ArrayBuffer | Entry;

  /**
   * State that outlives a call: keys, each with a value. Nothing of it is to be awaited but
   * {@link changed}. Each method throws a {@link StoreError}.
   */
  export interface Bucket {
    readonly name: string;

    /** Returns what a key holds; null if it does not exist. */
    get(key: string): Entry | null;

    /**
     * Sets a key, and returns its new version.
     *
     * @param options `expiresMs`: how long the entry exists, in milliseconds; without it until it is
     * deleted. `only`: when it is set: if the key is absent, or has this version.
     */
    set(
      key: string,
      value: Storable,
      options?: { expiresMs?: number; only?: 'absent' | number | Entry },
    ): number;

    /** Deletes a key; false if it did not exist. */
    delete(key: string, options?: { only?: 'absent' | number | Entry }): boolean;

    /**
     * Adds to a key's value, an integer in decimal digits, and returns the sum: a bigint if a number
     * does not hold it exactly. A key that does not exist counts as 0.
     */
    increment(key: string, by?: number): number;
    increment(key: string, by: bigint): number | bigint;

    /**
     * Returns the keys that begin with a text, in the order of their bytes. They are asked for page
     * by page, and each page shows its moment.
     */
    keys(prefix?: string): IterableIterator<string>;

    /**
     * Creates a pending that is settled with the key's value once its version is no longer `since`:
     * an entry, its version, or null for a key that does not exist. No change is lost between a look
     * and the wait. If the key is deleted or expires, that is a {@link Failure} with the code
     * `deleted`.
     */
    changed(key: string, since?: Entry | number | null): Pending;

    /**
     * Sets a key to what `change` makes of what it holds, and tries again if another request was
     * faster: no change is lost. Returns what was set. The entry has no expiry.
     */
    update(key: string, change: (held: Entry | null) => Storable): Entry;
  }

  /**
   * Returns a bucket: the guest's own, or another one that it may use, whose name begins with the
   * guest's and a slash (`shop/orders`) or is granted in snow.toml. It asks the host for nothing, and
   * may stand at the top of a file.
   */
  export function bucket(name?: string): Bucket;

  /** Why the store did nothing. */
  export class StoreError extends Error {
    private constructor();
    readonly code: 'denied' | 'conflict' | 'limit' | 'not-an-integer' | 'unavailable';
    /** After a `conflict`, what the key holds instead; null if it does not exist. */
    readonly entry: Entry | null;
  }

  /** What a request waits for without an instance: returned by a handler. */
  export interface Suspension {
    readonly pendings: readonly Pending[];
  }

  /** How a suspension goes on. */
  export interface SuspendOptions {
    /** When it is over: when all are settled (the default), or the first. */
    until?: 'all' | 'any';
    /** The deadline. Without it the host's default applies (30 seconds), and its maximum always. */
    timeoutMs?: number;
    /** Whether a further wait has the deadline of the one that this call goes on from. */
    keepDeadline?: boolean;
    /**
     * The answer at the deadline if nothing resumes; a bare 504 if it is not given. A text is a
     * 200, as everywhere. With a `resume` it is a `TypeError`: ask `resumed.timedOut` there.
     */
    onTimeout?: Answer;
    /**
     * Which of the route's functions goes on; the first if it is not given. With false the host
     * answers with what came.
     */
    resume?: Resume | false;
    /** Gives `resume` the request again. Without it the request is freed meanwhile. */
    keepRequest?: boolean;
    /**
     * What `resume` is to know, at most 64 KiB as JSON. It may run in another instance, so
     * variables are no way to tell it.
     */
    state?: Json;
  }

  /**
   * Gives the request back: return it from a handler. The call ends, its instance is free, and the
   * host keeps only the client's connection until the wait is over. Then it calls the route's
   * `resume`.
   */
  export function suspend(
    pendings: Pending | readonly Pending[],
    options?: SuspendOptions,
  ): Suspension;

  /** A wait that is over. */
  export interface Resumed {
    /** Whether the deadline passed first. */
    readonly timedOut: boolean;
    /** How long the request has waited, in milliseconds. */
    readonly waitedMs: number;
    /** How long the deadline of that wait still has, in milliseconds; 0 if it has passed. */
    readonly leftMs: number;
    /** The request, if the suspension kept it. */
    readonly request: GuestRequest | null;
    /** What the suspension gave, null if nothing. */
    readonly state: any;
    /** What became of each pending, in their order; null for one that is not settled. */
    readonly settlements: readonly (Settlement | Failure | null)[];
    /** The place of the first pending that is settled; -1 if none is. */
    readonly index: number;
    /** What that one was settled with; null if none is. Throws if it is a {@link Failure}. */
    readonly value: Settlement | null;
    /** The first failure among the settlements. */
    readonly failure: Failure | null;
    /** The pendings that are not settled, to be waited for once more. */
    readonly unsettled: Pending[];
    /** The text of {@link value}, empty if nothing came. */
    text(): string;
    /** The text of {@link value}, parsed. */
    json(): any;
  }

  /**
   * What a pending is settled with: a text, bytes, nothing; any other value as JSON; a response,
   * which a client without `resume` gets as it is; an error, which becomes a {@link Failure} with
   * its `code`.
   */
  export type Settling =
    | Json
    | Uint8Array
    | ArrayBuffer
    | Response
    | Error
    | Settlement
    | undefined;

  /** Settles the pending that has this token. Throws a {@link Refusal} if that can't be. */
  export function setResult(token: string, value?: Settling): void;

  /** Settles the pending that has waited longest under a key; false if none waits. */
  export function setNext(key: string, value?: Settling): boolean;

  /** Settles every pending that waits under a key now, and returns how many there were. */
  export function setAll(key: string, value?: Settling): number;

  /** Returns how many pendings wait under a key. */
  export function waiting(key: string): number;

  /** Writes to the host's log, beside the guest's name and the request's id, as `console` does. */
  export function log(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error',
    ...values: unknown[]
  ): void;
}
