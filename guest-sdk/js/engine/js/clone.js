// structuredClone, of what JavaScript itself has: there are no ports, files or images to clone.

function refuse(value) {
  const what = typeof value === 'function' ? `the function ${value.name}` : String(value);
  throw new DOMException(`${what} can't be cloned`, 'DataCloneError');
}

const ERRORS = [EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError];

function cloneError(error) {
  const Kind = ERRORS.find((each) => each.name === error.name) ?? Error;
  const clone = new Kind(error.message);
  for (const name of ['stack', 'cause']) {
    if (!Object.hasOwn(error, name)) continue;
    Object.defineProperty(clone, name, { value: error[name], writable: true, configurable: true });
  }
  return clone;
}

/** Returns a clone without its parts, and a function that clones the parts into it. */
function shell(value, clone) {
  if (Array.isArray(value)) {
    const array = new Array(value.length);
    return [array, () => Object.keys(value).forEach((key) => (array[key] = clone(value[key])))];
  }
  if (value instanceof Map) {
    const map = new Map();
    return [map, () => value.forEach((each, key) => map.set(clone(key), clone(each)))];
  }
  if (value instanceof Set) {
    const set = new Set();
    return [set, () => value.forEach((each) => set.add(clone(each)))];
  }
  const whole = (copy) => [copy, () => {}];
  if (value instanceof Date) return whole(new Date(value));
  if (value instanceof RegExp) return whole(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return whole(value.slice(0));
  if (value instanceof DataView) {
    const { buffer, byteOffset, byteLength } = value;
    return whole(new DataView(buffer.slice(byteOffset, byteOffset + byteLength)));
  }
  if (ArrayBuffer.isView(value)) return whole(value.slice());
  if (value instanceof Error) return whole(cloneError(value));
  if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    return whole(Object(value.valueOf()));
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet)
    refuse(value);
  const object = {};
  return [object, () => Object.keys(value).forEach((key) => (object[key] = clone(value[key])))];
}

export function structuredClone(value) {
  const seen = new Map();
  const clone = (value) => {
    if (typeof value === 'function' || typeof value === 'symbol') refuse(value);
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return seen.get(value);
    const [copy, fill] = shell(value, clone);
    // Before its parts are cloned: one of them may be the value again.
    seen.set(value, copy);
    fill();
    return copy;
  };
  return clone(value);
}
