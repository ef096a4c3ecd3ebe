// The module `snow`, as guests import it. `snow.d.ts` describes it.

import { LEVELS, format, write } from './console.js';

/** Writes a line to the log. */
export function log(level, ...values) {
  if (!Object.hasOwn(LEVELS, level)) {
    throw new TypeError(`no level ${level}: ${Object.keys(LEVELS).join(', ')}`);
  }
  write(LEVELS[level], format(values));
}

export { cookie } from './cookies.js';
export { config, deployment } from './deployed.js';
export { HTTPError } from './failures.js';
export { fetch } from './fetch.js';
export { JobError, job, jobs } from './jobs.js';
export { html } from './messages.js';
export { route, suspend } from './routes.js';
export { Sessions } from './sessions.js';
export { Failure, Settlement, setAll, setNext, setResult, waiting } from './settling.js';
export { SignatureError, SigningKeys } from './signing.js';
export { SqlError, database } from './sql.js';
export { StoreError, bucket } from './store.js';
export { Pending, pending, timer } from './waiting.js';
