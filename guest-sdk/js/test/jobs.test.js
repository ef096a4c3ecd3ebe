// Jobs.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { host } from './host.js';

const { JobError, closeJobs, hasJobs, job, jobs, run, runningJob, resetJobs } = await import(
  '../engine/js/jobs.js'
);
const { HTTPError } = await import('../engine/js/failures.js');
const { Response } = await import('../engine/js/messages.js');
const { Failure, Settlement } = await import('../engine/js/settling.js');
const { Pending } = await import('../engine/js/waiting.js');

const encode = (text) => new TextEncoder().encode(text);
const raw = (name, more) => ({
  id: 'a1',
  name,
  payload: encode('x'),
  attempt: 1,
  attemptsMax: 2,
  dueMs: 1_700_000_000_500,
  ...more,
});

let count = 0;
/** Runs a function as a job. */
function ran(body, more) {
  const name = `job-${(count += 1)}`;
  job(name, body);
  return run(0, raw(name, more));
}
const failed = (code, message) => ({ tag: 'failed', val: { code, message } });

beforeEach(() => host.reset());

test('without a job the guest has none', () => {
  assert.ok(!hasJobs());
  job('first', () => {});
  assert.ok(hasJobs());
});

test('a job is started, and is a pending', () => {
  assert.ok(jobs.start('add', [1, 2]) instanceof Pending);
  assert.deepEqual(host.pendings.at(-1).job, ['add', '[1,2]']);
  for (const [payload, sent] of [
    [undefined, ''],
    ['\u00e4', '\u00e4'],
    [encode('x'), encode('x')],
    [null, 'null'],
    [new Settlement(encode('y')), encode('y')],
  ]) {
    jobs.start('add', payload);
    assert.deepEqual(host.pendings.at(-1).job, ['add', sent]);
  }
  assert.throws(() => jobs.start('add', new Response('x')), /not a response/);
  assert.throws(() => jobs.start('add', new Error('x')), /not an error/);
});

test('a job is kept', () => {
  assert.equal(jobs.enqueue('mail', 'ann'), 'id-1');
  assert.equal(jobs.enqueue('mail', { to: 'ann' }, { delayMs: 1.5, attempts: 3 }), 'id-2');
  assert.deepEqual(host.jobs, [
    ['mail', 'ann', 0, 20],
    ['mail', '{"to":"ann"}', 2, 3],
  ]);
  for (const attempts of [0, 1.5, '3', 2 ** 32]) {
    assert.throws(() => jobs.enqueue('mail', '', { attempts }), RangeError);
  }
  assert.throws(() => jobs.enqueue('mail', '', { delayMs: -1 }), RangeError);
});

test('the host may refuse', () => {
  for (const [told, words] of [
    [{ code: 'denied' }, "can't be started here"],
    [{ code: 'no-runner' }, 'this guest has no jobs'],
    [{ code: 'limit', message: 'jobs_queued_max' }, 'jobs_queued_max'],
    [{ code: 'unavailable', message: 'the disk' }, 'the disk'],
  ]) {
    host.jobError = told;
    for (const call of [() => jobs.start('a'), () => jobs.enqueue('a')]) {
      assert.throws(
        call,
        (error) =>
          error instanceof JobError && error.code === told.code && error.message.includes(words),
      );
    }
  }
});

test('a job gets all of it', () => {
  let seen;
  ran((job) => void (seen = job), { payload: encode('[1]'), attempt: 2 });
  const { id, attempt, attemptsMax, isLastAttempt } = seen;
  assert.deepEqual([id, attempt, attemptsMax, isLastAttempt], ['a1', 2, 2, true]);
  assert.deepEqual([seen.text(), seen.json(), seen.payload], ['[1]', [1], encode('[1]')]);
  assert.equal(seen.due.toISOString(), '2023-11-14T22:13:20.500Z');
  assert.match(seen.name, /^job-/);
  ran((job) => void (seen = job));
  assert.ok(!seen.isLastAttempt);
});

test('what it returns is a value', async () => {
  const value = (val) => ({ tag: 'value', val });
  assert.deepEqual(ran(() => 'x'), value('x'));
  assert.deepEqual(ran(() => {}), value(''));
  assert.deepEqual(ran(() => ({ a: 1 })), value('{"a":1}'));
  assert.deepEqual(ran(() => encode('y')), value(encode('y')));
  assert.deepEqual(await ran(async (job) => job.text()), value('x'));
  assert.throws(() => ran(() => new Response('x')), /what the job job-\d+ returns .* a response/);
  assert.throws(() => ran(() => new Error('x')), /not an error/);
  assert.throws(() => ran(() => Symbol('x')), TypeError);
  await assert.rejects(async () => ran(async () => new Response('x')), TypeError);
});

test('a failure has a code', async () => {
  const thrower = (error) => () => {
    throw error;
  };
  const wait = new Failure('dns', 'no such host');
  assert.deepEqual(ran(thrower(wait)), failed('dns', 'no such host'));
  assert.deepEqual(ran(() => wait), failed('dns', 'no such host'));
  assert.deepEqual(await ran(async () => Promise.reject(wait)), failed('dns', 'no such host'));
  assert.deepEqual(ran(thrower(Failure.giveUp('never'))), failed('give-up', 'never'));
  assert.deepEqual(ran(thrower(new HTTPError(404))), failed('failed', '404'));
  assert.deepEqual(run(0, raw('none')), failed('unknown-job', 'there is no job "none"'));
  // The engine logs these, and calls them `failed`.
  assert.throws(() => ran(thrower(new RangeError('x'))), RangeError);
  await assert.rejects(async () => ran(async () => Promise.reject(7)), (error) => error === 7);
});

test('a job that waits for nothing is named', () => {
  ran(() => {});
  assert.match(runningJob(), /^the job job-\d+$/);
  resetJobs();
  assert.equal(runningJob(), undefined);
});

test('what is wrong is named', () => {
  assert.throws(() => job(null, () => {}), /the name of a job is a text, not null/);
  assert.throws(() => job('a'), /the job a is a function/);
  job('a', () => {});
  assert.throws(() => job('a', () => {}), /there are two jobs a/);
  job('__proto__', () => 'p');
  assert.equal(run(0, raw('__proto__')).val, 'p');
  assert.equal(run(0, raw('toString')).tag, 'failed');
  closeJobs();
  assert.throws(() => job('late', () => {}), /the job late comes too late/);
});
