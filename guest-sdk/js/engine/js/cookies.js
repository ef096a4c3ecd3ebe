// Cookies (RFC 6265, and `SameSite` of its successor).

import { trim } from './fields.js';
import { utf8 } from './text.js';

const EPOCH = 'Thu, 01 Jan 1970 00:00:00 GMT';

/**
 * Returns the cookies of a field `cookie`, in the order sent. What is no cookie, or not UTF-8, is
 * left out.
 */
export function* read(field) {
  const text = field ?? '';
  for (let [start, end] = [0, 0]; start <= text.length; start = end + 1) {
    const next = text.indexOf(';', start);
    end = next < 0 ? text.length : next;
    const pair = utf8(text.slice(start, end));
    const at = pair === null ? -1 : pair.indexOf('=');
    if (at < 0) continue;
    const value = trim(pair.slice(at + 1));
    const isQuoted = value.length > 1 && value.startsWith('"') && value.endsWith('"');
    yield [trim(pair.slice(0, at)), isQuoted ? value.slice(1, -1) : value];
  }
}

const SAME_SITES = { strict: 'Strict', lax: 'Lax', none: 'None' };

function fault(name, value, { path, domain, secure, sameSite }) {
  const isA = (prefix) => name.toLowerCase().startsWith(prefix);
  if (!/^[A-Za-z\d!#$%&'*+\-.^_`|~]+$/.test(name)) {
    return "a name is letters, digits and `!#$%&'*+-.^_|~` or a backtick";
  }
  if (!/^[!#-+\--:<-[\]-~]*$/.test(value)) {
    return 'a value is visible ASCII without quotes, commas, semicolons, backslashes';
  }
  if (!/^\/[ -:<-~]*$/.test(path)) {
    return 'a path begins with a slash, and is ASCII without semicolons';
  }
  if (domain !== undefined && !/^[A-Za-z\d!#$%&'*+\-.^_`|~]+$/.test(domain)) {
    return 'its domain is none';
  }
  if (sameSite === 'none' && !secure) return '`SameSite=None` needs `secure`';
  if (isA('__secure-') && !secure) return 'the prefix `__Secure-` needs `secure`';
  if (isA('__host-') && (!secure || path !== '/' || domain !== undefined)) {
    return 'the prefix `__Host-` needs `secure`, the path `/` and no domain';
  }
  return null;
}

/** Returns a value of `set-cookie`. What a browser would drop or take otherwise is an error. */
export function cookie(name, value, options = {}) {
  const { secure = false, httpOnly = false } = options;
  const path = options.path ?? '/';
  // Null is no domain of this name, and no age of 0, which would remove the cookie.
  const [domain, maxAgeSeconds] = [options.domain ?? undefined, options.maxAgeSeconds ?? undefined];
  const sameSite = options.sameSite?.toLowerCase();
  [name, value] = [String(name), String(value)];
  if (sameSite !== undefined && !Object.hasOwn(SAME_SITES, sameSite)) {
    throw new TypeError(`\`sameSite\` is 'strict', 'lax' or 'none', not ${options.sameSite}`);
  }
  const why = fault(name, value, { path, domain, secure, sameSite });
  if (why !== null) {
    throw new TypeError(`the cookie ${JSON.stringify(name)} can't be set: ${why}`);
  }
  const parts = [`${name}=${value}`, `Path=${path}`];
  if (domain !== undefined) parts.push(`Domain=${domain}`);
  if (maxAgeSeconds !== undefined) {
    const seconds = Math.floor(Number(maxAgeSeconds));
    if (!(seconds >= 0 && seconds <= Number.MAX_SAFE_INTEGER)) {
      throw new RangeError(`\`maxAgeSeconds\` is a number of seconds, not ${maxAgeSeconds}`);
    }
    parts.push(`Max-Age=${seconds}`);
    if (seconds === 0) parts.push(`Expires=${EPOCH}`);
  }
  if (secure) parts.push('Secure');
  if (httpOnly) parts.push('HttpOnly');
  if (sameSite !== undefined) parts.push(`SameSite=${SAME_SITES[sameSite]}`);
  return parts.join('; ');
}
