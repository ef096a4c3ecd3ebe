// Databases: statements, and the rows that they return.

import { native } from './native.js';
import { octets } from './text.js';
import { Pending, roomy } from './waiting.js';

/** What an error says of which the host gives no words. */
const MESSAGES = {
  denied: 'the host does not allow this guest to use this database here: its log says what to do',
  'timed-out': 'the database took too long',
};

/** Errors that may be over soon. */
const TEMPORARY = ['overloaded', 'unavailable', 'timed-out'];

/** Why there is no result. */
export class SqlError extends Error {
  constructor(code, message, sqlState = null) {
    super(message);
    this.name = 'SqlError';
    this.code = code;
    this.sqlState = sqlState;
  }

  /** Whether a value was there already that may be there once, in any database. */
  get isDuplicate() {
    // MySQL has one code for all that a row may not be.
    const isOfMysql = this.sqlState === '23000' && this.message.includes('Duplicate entry');
    return this.sqlState === '23505' || isOfMysql;
  }

  /** Whether it may be over soon: then a request that it ends is a 503. */
  get isTemporary() {
    return TEMPORARY.includes(this.code);
  }
}

/** Returns what the database has returned; throws why it has not. */
function told({ code, ok, message, sqlState }) {
  if (code === undefined) return ok;
  throw new SqlError(code, message ?? MESSAGES[code], sqlState);
}

/** Returns a value for a placeholder as the host takes it. */
function lower(value, index) {
  switch (typeof value) {
    case 'undefined':
    case 'boolean':
    case 'number':
    case 'string':
      return value;
    case 'bigint':
      // As the database returns it: a larger one is a text.
      return BigInt.asIntN(64, value) === value ? value : String(value);
  }
  if (value === null) return value;
  if (value instanceof Date) return value.toISOString().replace('Z', '+00:00');
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return octets(value);
  throw new TypeError(
    `the value of $${index + 1} is null, a boolean, a number, a bigint, a text, bytes or a Date, ` +
      `not a ${typeof value}: JSON.stringify makes a text of it`,
  );
}

/** Returns values as the host takes them. Of a list with holes, those are null. */
function values(list) {
  if (!Array.isArray(list)) {
    throw new TypeError('the values of a statement are a list, as in query(text, [id])');
  }
  return Array.from(list, lower);
}

function words(text) {
  if (typeof text === 'string') return text;
  throw new TypeError(`a statement is a text, not ${text === null ? 'null' : typeof text}`);
}

/** Returns a statement of a transaction as the host takes it. */
function statement(given) {
  if (typeof given === 'string') return [given, []];
  return [words(given?.text), values(given.values ?? [])];
}

/** Returns what the host hands over as rows: objects by the names of the columns. */
function result([columns, list, affected, lastId]) {
  // Of columns with one name the first counts.
  const places = columns.map((name, place) => [name, place]);
  const first = places.filter(([name, place]) => columns.indexOf(name) === place);
  // So a column may have any name, `__proto__` too.
  const row = (found) => Object.fromEntries(first.map(([name, place]) => [name, found[place]]));
  return { rows: list.map(row), columns, affected, lastId };
}

/** A database. The host opens it for each operation: before, nothing is asked. */
class Database {
  #name;

  constructor(name) {
    this.#name = name;
  }

  get name() {
    return this.#name;
  }

  dialect() {
    return told(native.sqlDialect(this.#name));
  }

  query(text, parameters = []) {
    return result(told(native.sqlQuery(this.#name, words(text), values(parameters))));
  }

  transact(statements) {
    return told(native.sqlTransact(this.#name, [...statements].map(statement))).map(result);
  }

  listen(channel) {
    return new Pending(roomy(() => told(native.sqlListen(this.#name, String(channel)))));
  }

  get [Symbol.toStringTag]() {
    return 'Database';
  }
}

/** Returns a database by its name in snow.toml. */
export const database = (name) => new Database(String(name));
