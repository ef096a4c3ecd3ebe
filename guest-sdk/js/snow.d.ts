/// <reference path="types/deployed.d.ts" />
/// <reference path="types/fetch.d.ts" />
/// <reference path="types/jobs.d.ts" />
/// <reference path="types/requests.d.ts" />
/// <reference path="types/sessions.d.ts" />
/// <reference path="types/sql.d.ts" />
/// <reference path="types/store.d.ts" />
/// <reference path="types/waiting.d.ts" />

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
    string | object | Uint8Array | ArrayBuffer | Response | HTTPError | Settlement;

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

  /** Returns an answer of HTML (`text/html; charset=utf-8`). Escape what others wrote. */
  export function html(text: string, init?: ResponseInit): Response;

  /**
   * An answer that is thrown: `throw new HTTPError(404, 'no such order')`. The client gets the
   * text, and nothing is logged.
   */
  export class HTTPError extends Error {
    /** @param status From 400 to 599. */
    constructor(status: number, text?: string, options?: { cause?: unknown });
    readonly status: number;
  }

  /** Writes to the host's log, beside the guest's name and the request's id, as `console` does. */
  export function log(
    level: 'trace' | 'debug' | 'info' | 'warn' | 'error',
    ...values: unknown[]
  ): void;
}
