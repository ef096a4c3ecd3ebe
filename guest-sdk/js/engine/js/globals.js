// The globals that people expect, beside those that QuickJS has: `queueMicrotask`, `atob`, `btoa`,
// `performance` and `DOMException`.

import { structuredClone } from './clone.js';
import { console } from './console.js';
import { Headers } from './headers.js';
import { Request, Response } from './messages.js';
import { define } from './native.js';
import { crypto, random } from './random.js';
import { TextDecoder, TextEncoder } from './text.js';
import { URL, URLSearchParams } from './url.js';
import { clearTimeout, setInterval, setTimeout } from './waiting.js';

Math.random = random;

define({
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
  self: globalThis,
  setImmediate: (callback, ...values) => setTimeout(callback, 0, ...values),
  setInterval,
  setTimeout,
  structuredClone,
});
