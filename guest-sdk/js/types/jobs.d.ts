// Jobs.

declare module 'snow' {
  /** A job, as its function gets it. */
  export interface Job {
    /** Tells this job from every other, and is the same in each attempt. */
    readonly id: string;
    readonly name: string;
    /** The bytes that it was started with. */
    readonly payload: Uint8Array<ArrayBuffer>;
    /** The number of this attempt, from 1. */
    readonly attempt: number;
    /** How often it is tried at most. */
    readonly attemptsMax: number;
    /** Whether it is not tried again if it fails. */
    readonly isLastAttempt: boolean;
    /** When it was due first. */
    readonly due: Date;
    /** The payload as text, with U+FFFD for what is not UTF-8. */
    text(): string;
    /** The text, parsed. */
    json(): any;
  }

  /** What a job is given or returns: a text, bytes, nothing, or any other value as JSON. */
  export type JobContent = Json | Uint8Array | ArrayBuffer | Settlement | undefined | void;

  /**
   * Makes a function a job. It runs in an instance of its own, on threads with a lower priority, so
   * it may compute for long, and it may do all that a handler may. To be called while the file is
   * evaluated.
   *
   * ```ts
   * job('fib', (job) => String(fib(Number(job.text()))));
   * route('GET', '/fib/(\\d+)', (request) => suspend(jobs.start('fib', request.params[0])));
   * ```
   *
   * What it throws is its failure: a {@link Failure} with that code; anything else with the code
   * `failed`, and it is in the log with its file and line. The host's own codes are `trapped`,
   * `timeout`, `too-large`, `stopped` and `overloaded`; for a name that no job has it is
   * `unknown-job`.
   */
  export function job(name: string, run: (job: Job) => JobContent | Promise<JobContent>): void;

  export const jobs: {
    /**
     * Runs a job as soon as a thread is free, once. The pending is settled with what it returns, or
     * with its {@link Failure}. It goes on if nobody waits for it, which makes it work that follows
     * an answer; it is lost if the host ends.
     *
     * @throws A {@link JobError}.
     */
    start(name: string, payload?: JobContent): Pending;

    /**
     * Keeps a job until it has succeeded once, and returns its id. If it fails it is tried again
     * after a second, then two, and so on up to an hour, unless it throws `Failure.giveUp()`. With
     * a data folder (`--data`) it is on the disk when this returns, and survives a crash; then it
     * may run twice, and {@link Job.id} is the same.
     *
     * @param options `delayMs`: how long until it is due, in milliseconds; 0 if it is not given.
     * `attempts`: how often it is tried at most; 20 if it is not given. More than the host's
     * maximum (`job_attempts_max`) is cut to it.
     * @throws A {@link JobError}.
     */
    enqueue(
      name: string,
      payload?: JobContent,
      options?: { delayMs?: number; attempts?: number },
    ): string;
  };

  /** Why the host did not take a job. */
  export class JobError extends Error {
    private constructor();
    /** After `unavailable`, which is the disk's, the job may be kept all the same. */
    readonly code: 'denied' | 'no-runner' | 'limit' | 'unavailable';
  }
}
