// What requests wait for, and who settles it.

declare module 'snow' {
  /**
   * Something that will be settled exactly once: by its key, by its token, or by the clock.
   *
   * It belongs to the call that created it. Await it there, or give it to a suspension. A call owns
   * at most `pendings_per_call_max` of them (64) at one time. One is released when what it was
   * settled with was awaited, when nobody has it any more nor waits for it, or when the call ends.
   */
  export interface Pending<T = Settlement> extends PromiseLike<T>, Disposable {
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
    wait(options?: { timeoutMs?: number }): Promise<T | null>;

    /** Releases it: nobody can settle it any more. */
    drop(): void;
  }

  /** The class of pendings; {@link pending} and {@link timer} make them. */
  export const Pending: {
    readonly prototype: Pending<unknown>;
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
    /** Returns the failure of a {@link job} that is kept, and is not to be tried again. */
    static giveUp(message?: string): Failure;
    /** A short, stable word for programs. */
    readonly code: string;
  }

  /** The error that is thrown when the host refuses: `error.name === 'Refusal'`. */
  export interface Refusal extends Error {
    readonly name: 'Refusal';
    readonly code: 'unknown' | 'already-settled' | 'denied' | 'limit';
  }

  /** What a request waits for without an instance: returned by a handler. */
  export interface Suspension {
    readonly pendings: readonly Pending<unknown>[];
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
    pendings: Pending<unknown> | readonly Pending<unknown>[],
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
    Json | Uint8Array | ArrayBuffer | Response | Error | Settlement | undefined;

  /** Settles the pending that has this token. Throws a {@link Refusal} if that can't be. */
  export function setResult(token: string, value?: Settling): void;

  /** Settles the pending that has waited longest under a key; false if none waits. */
  export function setNext(key: string, value?: Settling): boolean;

  /** Settles every pending that waits under a key now, and returns how many there were. */
  export function setAll(key: string, value?: Settling): number;

  /** Returns how many pendings wait under a key. */
  export function waiting(key: string): number;
}
