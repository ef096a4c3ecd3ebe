// Randomness. `Math.random` is xoroshiro64** (Blackman and Vigna), seeded anew in each call: an
// instance may be used again. `crypto` asks the host each time.

import { native } from './native.js';
import { octets } from './text.js';

/** Bytes that the Web Crypto API gives at a time, and the host too. */
const BYTES_MAX = 65_536;

let state0 = 1;
let state1 = 0;

/** Seeds `Math.random` with 64 random bits. */
export function seed(high, low) {
  // The one state that xoroshiro never leaves is all zeros.
  state0 = high | 0;
  state1 = high === 0 && low === 0 ? 1 : low | 0;
}

function next() {
  const product = Math.imul(state0, 0x9e3779bb);
  const result = Math.imul((product << 5) | (product >>> 27), 5) >>> 0;
  const mixed = state1 ^ state0;
  state0 = ((state0 << 26) | (state0 >>> 6)) ^ mixed ^ (mixed << 9);
  state1 = (mixed << 13) | (mixed >>> 19);
  return result;
}

/** Returns a number from 0 to less than 1, with 53 random bits. */
export function random() {
  return (next() * 0x20_0000 + (next() >>> 11)) / 0x20_0000_0000_0000;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export const crypto = {
  getRandomValues(array) {
    if (
      array instanceof Float32Array ||
      array instanceof Float64Array ||
      array instanceof DataView
    ) {
      throw new DOMException('random values go into arrays of integers', 'TypeMismatchError');
    }
    if (array.byteLength > BYTES_MAX) {
      throw new DOMException(`at most ${BYTES_MAX} bytes at a time`, 'QuotaExceededError');
    }
    octets(array).set(native.random(array.byteLength));
    return array;
  },

  randomUUID() {
    const bytes = native.random(16);
    // Version 4, variant 1 (RFC 9562, section 5.4).
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const text = hex(bytes);
    const parts = [
      [0, 8],
      [8, 12],
      [12, 16],
      [16, 20],
      [20, 32],
    ];
    return parts.map(([from, to]) => text.slice(from, to)).join('-');
  },
};
