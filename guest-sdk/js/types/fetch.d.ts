// Requests to other servers.

declare module 'snow' {
  /** What a request to another server has, and how it is sent. */
  export interface FetchOptions {
    /** `'GET'` if it is not given. */
    method?: string;
    /**
     * Sent beside what the host writes: the fields of the connection, `content-length`, and
     * `x-request-id`, `user-agent` and `accept-encoding` unless they are given.
     */
    headers?: HeadersInit;
    /** The content. A text and `URLSearchParams` get their `content-type`, unless it is given. */
    body?: string | Uint8Array | ArrayBuffer | Blob | URLSearchParams | null;
    /**
     * How long it may take in all, redirects and the answer's content included; the host's default
     * (30 seconds) if it is not given. An `await` has a second more.
     */
    timeoutMs?: number;
    /** How long it may take until there is a connection; as long as the whole may, without it. */
    connectTimeoutMs?: number;
    /** How many redirects are followed, each to where the guest may send requests; none without. */
    redirects?: number;
    /** The most bytes of the answer's content; the host's most if it is not given. */
    responseBytesMax?: number;
    /**
     * What the request is equal to. While a request of this guest with the same text is under way,
     * this one is not sent: it is settled with the answer to that one, or its failure. Nothing else
     * is compared, so the text says all that makes a difference; what belongs to one client alone
     * must not be shared. Each has its own `timeoutMs`, and the request goes on as long as anybody
     * waits for it.
     */
    collapse?: string;
  }

  /**
   * Sends a request to another server. The deployer says where a guest may send them: `outbound` of
   * its table in snow.toml.
   *
   * ```ts
   * route('GET', '/weather', () => suspend(fetch('https://weather.example/today')));
   *
   * route('GET', '/first', async () => {
   *   const news = await fetch('https://news.example/', { timeoutMs: 5_000 });
   *   return (await news.text()).split('\n')[0];
   * });
   * ```
   *
   * It is a pending. Awaited, it is the `Response`, of any status; a suspension without `resume`
   * sends that to the client as it came, and a failure is a 502 there. With `resume`, the response
   * is `resumed.value.response`. When the pending is dropped, or nobody has it any more, the
   * request is given up.
   *
   * What fails throws a {@link Failure} with one of these codes: `invalid-url`, `denied`, `dns`,
   * `refused`, `tls`, `timeout`, `too-large`, `reset`, `protocol`, `overloaded`.
   *
   * @param input An absolute URL, `http` or `https`, without a user and a password; or a request.
   * @throws A {@link Refusal}, if this call or the host has no room for one more pending.
   */
  export function fetch(input: string | URL | Request, init?: FetchOptions): Pending<Response>;
}
