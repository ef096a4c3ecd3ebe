// console: lines in the guest's log.

import { native } from './native.js';

/** How deep objects are shown, and how many elements of a list. */
const DEPTH_MAX = 4;
const LENGTH_MAX = 100;

/** The levels of `native.log`. */
export const LEVELS = { trace: 0, debug: 1, info: 2, warn: 3, error: 4 };

function showObject(value, inner) {
  const some = (list) => [
    ...list.slice(0, LENGTH_MAX),
    ...(list.length > LENGTH_MAX ? [`… ${list.length - LENGTH_MAX} more`] : []),
  ];
  if (value instanceof Error) return describe(value);
  if (Array.isArray(value))
    return `[${some(value.slice(0, LENGTH_MAX + 1).map(inner)).join(', ')}]`;
  if (value instanceof Date) return Number.isNaN(+value) ? 'Invalid Date' : value.toISOString();
  if (value instanceof RegExp) return String(value);
  const name = value.constructor?.name;
  if (ArrayBuffer.isView(value)) return `${name}(${value.length ?? value.byteLength})`;
  if (value instanceof Map) {
    const pairs = [...value].map(([key, each]) => `${inner(key)} => ${inner(each)}`);
    return `Map {${some(pairs).join(', ')}}`;
  }
  if (value instanceof Set) return `Set {${some([...value].map(inner)).join(', ')}}`;
  const pairs = Object.keys(value).map((key) => `${key}: ${inner(value[key])}`);
  const title = name === undefined || name === 'Object' ? '' : `${name} `;
  return pairs.length === 0 ? `${title}{}` : `${title}{ ${some(pairs).join(', ')} }`;
}

/** Returns a value as `console.log` shows it. */
export function show(value, outer = []) {
  if (typeof value === 'string') return outer.length > 0 ? JSON.stringify(value) : value;
  if (typeof value === 'function') return `[Function ${value.name || '(anonymous)'}]`;
  if (typeof value === 'bigint') return `${value}n`;
  if (Object.is(value, -0)) return '-0';
  if (typeof value !== 'object' || value === null) return String(value);
  if (outer.includes(value)) return '[Circular]';
  if (outer.length >= DEPTH_MAX) return Array.isArray(value) ? '[Array]' : '[Object]';
  try {
    return showObject(value, (each) => show(each, [...outer, value]));
  } catch {
    // A getter, or a proxy's trap.
    return '[can not be shown: it throws]';
  }
}

/** Returns an error's words, its causes and its stack, without the engine's own frames. */
export function describe(error, depth = 0) {
  try {
    return words(error, depth);
  } catch {
    return 'thrown: what can not be shown, since it throws';
  }
}

function words(error, depth) {
  if (!(error instanceof Error)) return `thrown: ${show(error)}`;
  const stack = String(error.stack ?? '').split('\n');
  const frames = stack.filter((line) => line.trim() !== '' && !/\bsnow:\w/.test(line));
  const lines = [`${error.name}: ${error.message}`, ...frames];
  if (error.code !== undefined && error.name !== 'Refusal') {
    const state = typeof error.sqlState === 'string' ? `, SQLSTATE ${error.sqlState}` : '';
    lines[0] += ` (code ${show(error.code)}${state})`;
  }
  if (depth < 4) {
    for (const each of error.errors ?? []) lines.push(`  one of: ${describe(each, depth + 1)}`);
    if (error.cause !== undefined) lines.push(`caused by ${describe(error.cause, depth + 1)}`);
  }
  return lines.join('\n');
}

/** Returns the arguments of `console.log` as text: `%s` and its kin in the first are filled in. */
export function format(values) {
  if (typeof values[0] !== 'string' || !values[0].includes('%')) {
    return values.map((value) => show(value)).join(' ');
  }
  const rest = values.slice(1);
  const filled = values[0].replace(/%([sdifoOc%])/g, (written, kind) => {
    if (kind === '%') return '%';
    if (rest.length === 0) return written;
    const value = rest.shift();
    if (kind === 'c') return '';
    if (typeof value === 'bigint' || typeof value === 'symbol') return show(value);
    if (kind === 'd' || kind === 'i')
      return String(kind === 'i' ? Math.trunc(value) : Number(value));
    return kind === 'f' ? String(Number.parseFloat(value)) : show(value);
  });
  return [filled, ...rest.map((value) => show(value))].join(' ');
}

/** Writes a text to the log, one line for each of its lines. */
export function write(level, text) {
  for (const line of text.split('\n')) native.log(level, line);
}

const counts = new Map();
const starts = new Map();
let indent = '';

const at =
  (level) =>
  (...values) => {
    write(level, indent + format(values).replaceAll('\n', `\n${indent}`));
  };
const group = (...values) => {
  if (values.length > 0) at(LEVELS.info)(...values);
  indent += '  ';
};
const elapsed = (label, values) => {
  const start = starts.get(label);
  if (start === undefined) return at(LEVELS.warn)(`console.time was not called for ${label}`);
  at(LEVELS.info)(`${label}: ${(native.monotonic() - start).toFixed(3)} ms`, ...values);
};

export const console = {
  log: at(LEVELS.info),
  info: at(LEVELS.info),
  debug: at(LEVELS.debug),
  warn: at(LEVELS.warn),
  error: at(LEVELS.error),
  trace: (...values) => {
    write(LEVELS.trace, describe(Object.assign(new Error(format(values)), { name: 'Trace' })));
  },
  assert: (condition, ...values) => {
    if (!condition) at(LEVELS.error)('Assertion failed', ...values);
  },
  dir: (value) => at(LEVELS.info)(value),
  table: (value) => at(LEVELS.info)(value),
  group,
  groupCollapsed: group,
  groupEnd: () => {
    indent = indent.slice(2);
  },
  count: (label = 'default') => {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    at(LEVELS.info)(`${label}: ${counts.get(label)}`);
  },
  countReset: (label = 'default') => counts.delete(label),
  time: (label = 'default') => starts.set(label, native.monotonic()),
  timeLog: (label = 'default', ...values) => elapsed(label, values),
  timeEnd: (label = 'default') => {
    elapsed(label, []);
    starts.delete(label);
  },
};

/** Forgets what a call has begun and not ended: the next one begins at the margin. */
export function resetConsole() {
  indent = '';
}
