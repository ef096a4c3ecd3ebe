// The guest NAME. `snow-host run` serves this file as it is, and `snow-host test` runs the cases in
// NAME.test.toml.
//
// | route | answer |
// |---|---|
// | `GET /NAME/hello/ada` | `hello ada` |
// | `GET /NAME/orders/7` | waits until order 7 is approved; after 30 seconds 504 |
// | `POST /NAME/orders/7/approve` | approves it with the request's body, or 404 if nobody waits |

import { route, pending, suspend, setNext } from 'snow';

// Answers at once. The pattern is a regular expression for the whole path.
route('GET', '/NAME/hello/(?<who>\\w+)', (request) => `hello ${request.params.who}`);

// Waits for an approval. Returning a suspension ends this call; the host keeps the client's
// connection until somebody settles the key, or the deadline passes. Then it calls `approved`.
route(
  'GET',
  '/NAME/orders/(?<number>\\d+)',
  (request) => {
    const { number } = request.params;
    // The resumed call may run in another instance, which knows only the state.
    return suspend(pending(key(number)), { state: number, timeoutMs: 30_000 });
  },
  { resume: approved },
);

// Answers the request that waited.
/** @param {import('snow').Resumed} resumed */
function approved(resumed) {
  const number = resumed.state;
  if (resumed.timedOut) return new Response(`nobody approved order ${number}`, { status: 504 });
  return `order ${number}: ${resumed.text()}`;
}

// Settles what another request waits for: the one that has waited longest under the key gets this
// text.
route('POST', '/NAME/orders/(?<number>\\d+)/approve', async (request) => {
  const somebodyWaited = setNext(key(request.params.number), await request.text());
  return somebodyWaited ? 'approved' : new Response('nobody waits for this order', { status: 404 });
});

// The key of an order. All guests share the host's keys, so it begins with the guest's name.
/** @param {string} number */
function key(number) {
  return `NAME/orders/${number}`;
}
