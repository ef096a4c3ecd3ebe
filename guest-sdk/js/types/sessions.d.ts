// Cookies, signatures and sessions.

declare module 'snow' {
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
    /**
     * Puts a random key before those that a bucket holds, and keeps so many in all (2). Keys that
     * can't be read are replaced.
     */
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
    /** Returns what is kept under a name; null for nothing. */
    get(name: string): string | null;
    /** Keeps a text under a name. */
    set(name: string, value: string): void;
    /** Forgets what is kept under a name. */
    remove(name: string): void;
    /** Gives it a new id: to be called when somebody logs in. */
    renew(): void;
    /** Deletes it: to be called when somebody logs out. */
    destroy(): void;
    /**
     * Returns a token for a form of this session, in a hidden field. It belongs to the session's id,
     * so it comes behind {@link set} and {@link renew}, and before `save`.
     */
    csrfToken(): string;
    /** Throws an {@link HTTPError} (403) for a token that is not of this session. */
    checkCsrf(token: unknown): void;
    /** Writes what has changed, adds the cookie if the client needs it, and returns the response. */
    save(response: Response): Response;
    /** Writes what has changed; returns a value of `set-cookie` if the client needs it, or null. */
    commit(): string | null;
  }
}
