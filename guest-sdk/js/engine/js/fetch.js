// Requests to other servers.

import { Headers } from './headers.js';
import { content, Request, Response } from './messages.js';
import { native } from './native.js';
import { DEADLINE_MS, milliseconds, Pending, roomy } from './waiting.js';

const REDIRECTS_MAX = 255;
const BYTES_MAX = 0xffff_ffff;

/** Returns a whole number as the host takes it. */
function whole(what, value, most) {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`\`${what}\` is an integer from 0 to ${most}, not ${value}`);
}

const optional = (value, make) => (value === undefined ? undefined : make(value));

/** Returns what came as a response. Whoever has the token may have settled it with bytes. */
const answer = (came) => came.response ?? new Response(came.bytes());

/** Sends a request. What it returns is settled with the answer. */
export function fetch(input, init = {}) {
  const from = input instanceof Request ? input : null;
  const [body, type] = init.body === undefined && from ? [from._content, null] : content(init.body);
  const headers = new Headers(init.headers ?? from?.headers);
  if (type !== null && !headers.has('content-type')) headers.set('content-type', type);
  const timeoutMs = optional(init.timeoutMs, milliseconds);
  const outgoing = {
    method: String(init.method ?? from?.method ?? 'GET'),
    url: String(from ? from.url : input),
    headers: [...headers],
    body,
    timeoutMs,
    connectTimeoutMs: optional(init.connectTimeoutMs, milliseconds),
    redirects: whole('redirects', init.redirects ?? 0, REDIRECTS_MAX),
    responseBytesMax: optional(init.responseBytesMax, (value) =>
      whole('responseBytesMax', value, BYTES_MAX),
    ),
    collapse: optional(init.collapse, String),
  };
  const id = roomy(() => native.fetch(outgoing));
  return new Pending(id, native.monotonic() + (timeoutMs ?? DEADLINE_MS), answer);
}
