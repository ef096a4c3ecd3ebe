// A guest in TypeScript: this file is all of it. The types are for you and your editor; the host
// takes them out. Nothing is built.
//
// | route | answer |
// |---|---|
// | `GET /ts/hello` | `hello from ts` |
// | `POST /ts/echo` | the request's body |
// | `GET /ts/req` | what `/ts/stop` gives it; after 30 seconds 504 |
// | `GET /ts/stop` | gives the request that has waited longest `done`, or `?value=…` |
// | `GET /ts/random` | a random number |
// | `GET /ts/now` | the time, RFC 3339 |
// | `GET /ts/get?url=…` | the answer of another server, as it comes |
// | `GET /ts/count` | how often it was asked, in the store |
// | `GET /ts/fib?n=20` | a Fibonacci number, which a job computes |

import { bucket, fetch, HTTPError, job, jobs, route, pending, suspend, setNext } from 'snow';
import type { Answer, GuestRequest, Job, Resumed, Suspension } from 'snow';

// Keys belong to the host: any guest may wait under this one, and settle it.
const KEY = 'requests-any';

route('GET', '/ts/hello', () => 'hello from ts');

route('POST', '/ts/echo', async (request: GuestRequest): Promise<Response> => {
  const type = request.headers.get('content-type') ?? 'application/octet-stream';
  return new Response(await request.bytes(), { headers: { 'content-type': type } });
});

// Returning a suspension ends the call: the host keeps the client's connection, and calls `answer`
// when somebody settles the key.
route('GET', '/ts/req', () => suspend(pending(KEY), { timeoutMs: 30_000 }), { resume: answer });

function answer(resumed: Resumed): Answer {
  if (resumed.timedOut) return new Response('nobody came', { status: 504 });
  return resumed.text();
}

route('GET', '/ts/stop', (request: GuestRequest): Answer => {
  const somebodyWaited: boolean = setNext(KEY, request.query.get('value') ?? 'done');
  return somebodyWaited ? 'stop' : new Response('nobody is waiting', { status: 409 });
});

route('GET', '/ts/random', (): string => String(Math.random()));

route('GET', '/ts/now', (): string => new Date().toISOString());

// The guest's own bucket. What is in it outlives the call, and with `--data DIR` the server.
const counts = bucket();

route('GET', '/ts/count', (): string => String(counts.increment('count')));

// Without a `resume` the host sends the answer to the client, and a failure is a 502.
route('GET', '/ts/get', (request: GuestRequest): Suspension =>
  suspend(fetch(request.query.get('url') ?? '')),
);

// Nothing of this call waits for the job. Without a `resume`, what it returns is the answer.
route('GET', '/ts/fib', (request: GuestRequest): Suspension => {
  const n: number = request.queryAs('n', 'integer', 20);
  if (n < 0 || n > 25) throw new HTTPError(400, 'n is from 0 to 25');
  return suspend(jobs.start('fib', n));
});

job('fib', (job: Job): string => String(fib(job.json())));

function fib(n: number): number {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}
