// A guest in JavaScript: this file is all of it. Nothing is built. Save it, and the next request is
// answered by what it says now.
//
// | route | answer |
// |---|---|
// | `GET /js/hello` | `hello from js` |
// | `POST /js/echo` | the request's body |
// | `GET /js/req` | what `/js/stop` gives it; after 30 seconds 504 |
// | `GET /js/stop` | gives the request that has waited longest `done`, or `?value=…` |
// | `GET /js/random` | a random number |
// | `GET /js/now` | the time, RFC 3339 |
// | `GET /js/get?url=…` | the answer of another server, as it comes |
// | `GET /js/count` | how often it was asked, in the store |
// | `GET /js/fib?n=20` | a Fibonacci number, which a job computes |
// | `POST /js/form` | the names and values of a form, as JSON |
// | `GET /js/square/NUMBER` | its square; 404 for what is no integer, 400 if it is beyond `largest` |

import {
  bucket,
  config,
  fetch,
  HTTPError,
  job,
  jobs,
  route,
  pending,
  suspend,
  setNext,
} from 'snow';

// Keys belong to the host: any guest may wait under this one, and settle it.
const KEY = 'requests-any';

route('GET', '/js/hello', () => 'hello from js');

route('POST', '/js/echo', async (request) => {
  const type = request.headers.get('content-type') ?? 'application/octet-stream';
  return new Response(await request.bytes(), { headers: { 'content-type': type } });
});

// Returning a suspension ends the call: the host keeps the client's connection, and calls `answer`
// when somebody settles the key.
route('GET', '/js/req', () => suspend(pending(KEY), { timeoutMs: 30_000 }), { resume: answer });

/** @param {import('snow').Resumed} resumed */
function answer(resumed) {
  if (resumed.timedOut) return new Response('nobody came', { status: 504 });
  return resumed.text();
}

route('GET', '/js/stop', (request) => {
  const somebodyWaited = setNext(KEY, request.query.get('value') ?? 'done');
  return somebodyWaited ? 'stop' : new Response('nobody is waiting', { status: 409 });
});

route('GET', '/js/random', () => String(Math.random()));

route('GET', '/js/now', () => new Date().toISOString());

// The guest's own bucket. What is in it outlives the call, and with `--data DIR` the server.
const counts = bucket();

route('GET', '/js/count', () => String(counts.increment('count')));

// Without a `resume` the host sends the answer to the client, and a failure is a 502.
route('GET', '/js/get', (request) => suspend(fetch(request.query.get('url') ?? '')));

// Nothing of this call waits for the job. Without a `resume`, what it returns is the answer.
route('GET', '/js/fib', (request) => {
  const n = request.queryAs('n', 'integer', 20);
  if (n < 0 || n > 25) throw new HTTPError(400, 'n is from 0 to 25');
  return suspend(jobs.start('fib', n));
});

job('fib', (job) => String(fib(job.json())));

/** @param {number} n @returns {number} */
function fib(n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

// Urlencoded or multipart. What is no form is the client's fault, and answered so.
route('POST', '/js/form', async (request) => {
  const form = await request.formData();
  return Response.json(
    [...form].map(([name, value]) => [name, typeof value === 'string' ? value : value.name]),
  );
});

// What a path, a query or snow.toml says is text. These make something else of it, or an answer.
route('GET', '/js/square/([^/]+)', (request) => {
  const number = request.paramAs(0, 'integer', { status: 404 });
  const largest = config.parsed('largest', 'integer', 1_000);
  if (Math.abs(number) > largest) throw new HTTPError(400, `at most ${largest}`);
  return String(number * number);
});
