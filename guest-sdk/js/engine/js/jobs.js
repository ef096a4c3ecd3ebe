// Jobs: work on other threads, later, or again and again.

import { HTTPError } from './failures.js';
import { native } from './native.js';
import { Failure, settlement } from './settling.js';
import { decode } from './text.js';
import { milliseconds, Pending, roomy } from './waiting.js';

/** How often a job is tried at most that says nothing about it. */
const ATTEMPTS = 20;

const ATTEMPTS_MAX = 0xffff_ffff;

/** What an error says of which the host gives no words. */
const MESSAGES = {
  denied: "a job can't be started here: only requests and jobs start some",
  'no-runner': 'this guest has no jobs: it makes none by job(name, function)',
};

/** The jobs by their names. An object, since no `Map` has an entry before an instance begins. */
const table = Object.create(null);

/** Whether the file has been evaluated. */
let isClosed = false;

/** The name of the job that runs, if one does. */
let running = null;

/** Why the host did not take a job. */
export class JobError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'JobError';
    this.code = code;
  }
}

/** A job, as its function gets it. */
class Job {
  constructor({ id, name, payload, attempt, attemptsMax, dueMs }) {
    this.id = id;
    this.name = name;
    this.payload = payload;
    this.attempt = attempt;
    this.attemptsMax = attemptsMax;
    this.due = new Date(dueMs);
  }

  get isLastAttempt() {
    return this.attempt >= this.attemptsMax;
  }

  text() {
    return decode(this.payload);
  }

  json() {
    return JSON.parse(this.text());
  }

  get [Symbol.toStringTag]() {
    return 'Job';
  }
}

/** Makes a function a job. */
export function job(name, run) {
  if (typeof name !== 'string') {
    throw new TypeError(`the name of a job is a text, not ${name === null ? 'null' : typeof name}`);
  }
  if (typeof run !== 'function') throw new TypeError(`the job ${name} is a function`);
  if (isClosed) {
    throw new Error(`the job ${name} comes too late: jobs are made while the file is evaluated`);
  }
  if (name in table) throw new Error(`there are two jobs ${name}`);
  table[name] = run;
}

/** Refuses all further jobs, as the host knows by then whether there are some. */
export function closeJobs() {
  isClosed = true;
}

/** Returns whether there is a job. */
export const hasJobs = () => Object.keys(table).length > 0;

function told({ code, ok, message }) {
  if (code === undefined) return ok;
  throw new JobError(code, message ?? MESSAGES[code]);
}

/** Returns a payload as the host takes it: a text, or bytes. */
function content(value, what) {
  const { tag, val } = settlement(value);
  if (tag === 'value') return val;
  const kind = tag === 'failed' ? 'an error' : 'a response';
  throw new TypeError(`${what} is a text, bytes or a JSON value, not ${kind}`);
}

const payloadOf = (value) => content(value, 'the payload of a job');

/** Runs a job as soon as a thread is free. What it returns settles the pending. */
function start(name, payload) {
  const lowered = payloadOf(payload);
  return new Pending(roomy(() => told(native.jobStart(String(name), lowered))));
}

/** Keeps a job until it has succeeded once, and returns its id. */
function enqueue(name, payload, { delayMs = 0, attempts = ATTEMPTS } = {}) {
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > ATTEMPTS_MAX) {
    throw new RangeError(`\`attempts\` is an integer from 1 to ${ATTEMPTS_MAX}, not ${attempts}`);
  }
  const lowered = payloadOf(payload);
  return told(native.jobEnqueue(String(name), lowered, milliseconds(delayMs), attempts));
}

export const jobs = { start, enqueue };

const failed = (code, message) => ({ tag: 'failed', val: { code, message } });

/** Returns what was thrown as a failure; throws it again if that is for the engine to tell. */
function rescue(thrown) {
  if (thrown instanceof Failure) return failed(thrown.code, thrown.message);
  // What is for clients is not logged.
  if (thrown instanceof HTTPError) return failed('failed', thrown.message || `${thrown.status}`);
  throw thrown;
}

/** Returns what a job has returned as the host takes it. */
function result(value) {
  // A wait that has failed, and is looked at instead of thrown.
  if (value instanceof Failure) throw value;
  return { tag: 'value', val: content(value, `what the job ${running} returns`) };
}

async function later(promise) {
  try {
    return result(await promise);
  } catch (thrown) {
    return rescue(thrown);
  }
}

/** Does a job, and returns a settlement, or a promise of it. */
export function run(_, raw) {
  running = raw.name;
  const body = table[raw.name];
  if (body === undefined) {
    return failed('unknown-job', `there is no job ${JSON.stringify(raw.name)}`);
  }
  try {
    const value = body(new Job(raw));
    if (typeof value === 'object' && value !== null && typeof value.then === 'function') {
      const promise = later(value);
      // The engine reads what became of it, so it is not unhandled.
      promise.catch(() => {});
      return promise;
    }
    return result(value);
  } catch (thrown) {
    return rescue(thrown);
  }
}

/** Returns which job runs, for `stuck` of `routes.js`; undefined for none. */
export const runningJob = () => (running === null ? undefined : `the job ${running}`);

/** Forgets which job has run, at the end of its call. */
export function resetJobs() {
  running = null;
}
