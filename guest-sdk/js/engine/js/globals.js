// The globals that people expect, beside those that QuickJS has: `atob`, `btoa` and `DOMException`.

import { Blob, File, FormData } from './blob.js';
import { structuredClone } from './clone.js';
import { console } from './console.js';
import { Headers } from './headers.js';
import { parse } from './json.js';
import { Request, Response } from './messages.js';
import { define } from './native.js';
import { performance } from './performance.js';
import { crypto, random } from './random.js';
import { TextDecoder, TextEncoder } from './text.js';
import { clearTimeout, setInterval, setTimeout } from './timers.js';
import { URL, URLSearchParams } from './url.js';
import { any, race } from './waiting.js';

Math.random = random;
JSON.parse = parse;
Promise.race = race;
Promise.any = any;

/** As a promise's job: QuickJS's own forgets what the function throws, and this one reports it. */
function queueMicrotask(callback) {
  if (typeof callback !== 'function') throw new TypeError('queueMicrotask takes a function');
  Promise.resolve().then(() => callback());
}

define({
  Blob,
  File,
  FormData,
  Headers,
  Request,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  clearImmediate: clearTimeout,
  clearInterval: clearTimeout,
  clearTimeout,
  console,
  crypto,
  performance,
  queueMicrotask,
  self: globalThis,
  setImmediate: (callback, ...values) => setTimeout(callback, 0, ...values),
  setInterval,
  setTimeout,
  structuredClone,
});
