// Requests, and the forms in them.

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
    /**
     * What a group of the route's pattern matched, as another kind of value. For a text that is none
     * it throws an {@link HTTPError}: the client gets a 400 that names the group, or this status.
     *
     * ```ts
     * route('GET', '/orders/(?<id>\\w+)', (request) => find(request.paramAs('id', 'integer')));
     * ```
     */
    paramAs<K extends Kind>(
      name: string | number,
      kind: K,
      options?: { status?: number },
    ): ParsedAs<K>;
    /**
     * The first value of this name in the query, as another kind of value; the fallback if there is
     * none. A text that is not of this kind is a 400 that names it.
     */
    queryAs<K extends Kind>(name: string, kind: K): ParsedAs<K> | undefined;
    queryAs<K extends Kind, F>(name: string, kind: K, fallback: F): ParsedAs<K> | F;
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
     * value and 16 MiB of a file; the host's `body_bytes_max` holds for the whole. The header fields
     * of a part have at most 8 KiB, and those of all parts 1 MiB.
     */
    formData(limits?: FormLimits): Promise<Form>;
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

  /** A form that a client has sent. What a handler misses in it is a 400 that names it. */
  export interface Form extends FormData {
    /** The first text of this name; a file is none. */
    required(name: string): string;
    /** The first text of this name, as another kind of value; the fallback if there is none. */
    parsed<K extends Kind>(name: string, kind: K): ParsedAs<K> | undefined;
    parsed<K extends Kind, F>(name: string, kind: K, fallback: F): ParsedAs<K> | F;
  }

  /**
   * What a text stands for. An `integer` is one that a number holds exactly, a `number` a decimal
   * one, perhaps with an exponent, a `boolean` is `true` or `false`. A function returns the value,
   * and throws, or returns undefined or NaN, if there is none: `BigInt`, or
   * `(text) => new URL(text)`. Its error's message is what the client is told.
   */
  export type Kind = 'integer' | 'number' | 'boolean' | 'json' | ((text: string) => unknown);

  /** What a text of this kind becomes. */
  export type ParsedAs<K extends Kind> = K extends 'integer' | 'number'
    ? number
    : K extends 'boolean'
      ? boolean
      : K extends (text: string) => infer T
        ? T
        : any;

  /** What a form may have. */
  export interface FormLimits {
    partsMax?: number;
    valueBytesMax?: number;
    fileBytesMax?: number;
  }
}
