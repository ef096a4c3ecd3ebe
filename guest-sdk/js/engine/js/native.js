// What Rust does for these modules: `src/native.rs`. A settlement crosses as `{ tag, val }`: a
// value with its bytes, a response with its parts, a failure with its texts.

/**
 * The functions of `src/native.rs`. The engine puts them there before any module is evaluated.
 * @type {Record<string, Function>}
 */
export const native = globalThis[Symbol.for('snow.native')];

/** Defines globals as the web has them: they can be replaced, and `for in` does not find them. */
export function define(globals) {
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}
