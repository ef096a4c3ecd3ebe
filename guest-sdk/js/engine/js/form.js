// Forms that clients send: urlencoded, and multipart (RFC 7578, and RFC 2046 for the boundaries).

import { File, FormData } from './blob.js';
import { HTTPError } from './failures.js';
import { trim, valueAndParameters } from './fields.js';
import { native } from './native.js';
import { parsedBy } from './parsed.js';
import { decode, encode } from './text.js';
import { pairs } from './url.js';

/** Bytes of a part's header fields, and of those of all parts together. */
const HEAD_BYTES_MAX = 8_192;
const HEADS_BYTES_MAX = 1 << 20;

/** What a form may have unless the guest says otherwise. */
const LIMITS = { partsMax: 1_000, valueBytesMax: 1 << 20, fileBytesMax: 1 << 24 };

const EMPTY = new Uint8Array();
const [LINE_END, HEAD_END, LAST] = ['\r\n', '\r\n\r\n', '--'].map((text) =>
  Uint8Array.from(text, (character) => character.charCodeAt(0)),
);

/** A form that a client has sent. What a handler misses in it is the client's fault. */
export class Form extends FormData {
  #text(name) {
    return this.getAll(name).find((value) => typeof value === 'string');
  }

  /** Returns the first text of this name. If there is none, that is a 400 that names it. */
  required(name) {
    const text = this.#text(name);
    if (text === undefined) throw new HTTPError(400, `\`${name}\` is missing in the form`);
    return text;
  }

  /** Returns the first text of this name, parsed. What can't be parsed is a 400 that names it. */
  parsed(name, kind, fallback) {
    const text = this.#text(name);
    return text === undefined ? fallback : parsedBy(kind, name, text);
  }
}

const malformed = (why) => new HTTPError(400, `malformed multipart/form-data: ${why}`);

const startsWith = (bytes, wanted) => wanted.every((byte, index) => bytes[index] === byte);

/** Refuses a form that has as many parts as it may have. */
function room(count, { partsMax }) {
  if (count >= partsMax) throw new HTTPError(413, `the form has more than ${partsMax} fields`);
}

function fits(name, length, bytesMax) {
  if (length > bytesMax) throw new HTTPError(413, `\`${name}\` has more than ${bytesMax} bytes`);
}

/** Returns the limits of a form: those that the guest gives, and for all others the usual ones. */
function within(given) {
  const limit = ([name, usual]) => {
    const most = given[name] ?? usual;
    // Whatever is no number would be no limit.
    if (!(typeof most === 'number' && most >= 0)) {
      throw new RangeError(`\`${name}\` of a form is a number, not ${String(most)}`);
    }
    return [name, most];
  };
  return Object.fromEntries(Object.entries(LIMITS).map(limit));
}

/** Returns the form in a content of this type. */
export function parse(type, body, given = {}) {
  const limits = within(given);
  const [kind, parameters] = valueAndParameters(type);
  switch (kind.toLowerCase()) {
    case 'application/x-www-form-urlencoded':
      return urlencoded(body, limits);
    case 'multipart/form-data': {
      const [, boundary = ''] = parameters.find(([name]) => name === 'boundary') ?? [];
      return multipart(body, boundary, limits);
    }
    default: {
      const wanted = '`application/x-www-form-urlencoded` or `multipart/form-data`';
      throw new HTTPError(415, `the content must be ${wanted}, not ${JSON.stringify(kind)}`);
    }
  }
}

function urlencoded(body, limits) {
  const text = native.decode(body, true);
  if (text === null) throw new HTTPError(400, 'the form is not UTF-8');
  const form = new Form();
  let count = 0;
  for (const [name, value] of pairs(text)) {
    room(count, limits);
    // Most characters are a byte, and none has more than three of a unit.
    if (value.length * 3 > limits.valueBytesMax) {
      fits(name, encode(value).length, limits.valueBytesMax);
    }
    form.append(name, value);
    count += 1;
  }
  return form;
}

function multipart(body, boundary, limits) {
  if (!/^[A-Za-z0-9'()+_,\-./:=? ]{1,70}$/.test(boundary) || boundary.endsWith(' ')) {
    throw malformed('`content-type` has no `boundary` of 1 to 70 of its characters');
  }
  const delimiter = encode(`\r\n--${boundary}`);
  const form = new Form();
  let [count, headsLength] = [0, 0];
  let at = firstPart(body, delimiter);
  while (at >= 0) {
    room(count, limits);
    count += 1;
    const headEnd = endOfHead(body, at);
    headsLength += headEnd - at;
    if (headsLength > HEADS_BYTES_MAX) {
      throw new HTTPError(413, `the form has more than ${HEADS_BYTES_MAX} bytes of header fields`);
    }
    const end = native.find(body, delimiter, at);
    if (end >= 0 && end < headEnd) {
      throw malformed('a part has no empty line behind its header fields');
    }
    if (end < 0) throw malformed('it is cut off: the last boundary is missing');
    const head = parseHead(body.subarray(at, headEnd));
    // In a part without content the line end of the empty line is the boundary's.
    const content = headEnd + 4 > end ? EMPTY : body.subarray(headEnd + 4, end);
    if (head.fileName === undefined) {
      fits(head.name, content.length, limits.valueBytesMax);
      form.append(head.name, decode(content));
    } else {
      fits(head.name, content.length, limits.fileBytesMax);
      form.append(head.name, File._of(content, head.fileName, head.type));
    }
    at = behindBoundary(body, end + delimiter.length);
  }
  return form;
}

/** Returns where the first part begins; -1 if there is none. */
function firstPart(body, delimiter) {
  // At the beginning no line end stands before it. What stands before it is for nobody.
  const start = delimiter.subarray(2);
  if (startsWith(body, start)) return behindBoundary(body, start.length);
  const at = native.find(body, delimiter, 0);
  if (at < 0) throw malformed('the boundary that `content-type` names is not there');
  return behindBoundary(body, at + delimiter.length);
}

/** Returns where the part behind a boundary begins; -1 if it is the last boundary. */
function behindBoundary(body, at) {
  if (startsWith(body.subarray(at, at + 2), LAST)) return -1;
  // A gateway may have added spaces.
  while (body[at] === 0x20 || body[at] === 0x09) at += 1;
  if (startsWith(body.subarray(at, at + 2), LINE_END)) return at + 2;
  if (at >= body.length) throw malformed('it is cut off behind a boundary');
  throw malformed('a boundary has something behind it in its line');
}

function endOfHead(body, at) {
  const within = body.subarray(at, at + HEAD_BYTES_MAX + 4);
  const end = native.find(within, HEAD_END, 0);
  if (end >= 0) return at + end;
  if (body.length - at > HEAD_BYTES_MAX) {
    const text = `a part of the form has more than ${HEAD_BYTES_MAX} bytes of header fields`;
    throw new HTTPError(413, text);
  }
  throw malformed('a part has no empty line behind its header fields');
}

/** Returns a name without what browsers write in the place of three characters. */
const name = (text) => text.replaceAll('%22', '"').replaceAll('%0D', '\r').replaceAll('%0A', '\n');

function parseHead(bytes) {
  const text = native.decode(bytes, true);
  if (text === null) throw malformed('the header fields of a part are not UTF-8');
  const found = { type: '' };
  for (const line of text.split('\r\n')) {
    const at = line.indexOf(':');
    if (at < 0) throw malformed('a line among the header fields of a part is none');
    const [field, text] = [line.slice(0, at).toLowerCase(), trim(line.slice(at + 1))];
    const [kind, parameters] = valueAndParameters(text);
    if (field === 'content-disposition') {
      if (kind.toLowerCase() !== 'form-data') {
        throw malformed('`content-disposition` of a part is not `form-data`');
      }
      for (const [parameter, value] of parameters) {
        if (parameter !== 'name' && parameter !== 'filename') continue;
        const place = parameter === 'name' ? 'name' : 'fileName';
        // Two readers may take two of them, so neither is right.
        if (found[place] !== undefined) throw malformed('a part has two names');
        found[place] = name(value);
      }
    } else if (field === 'content-type') {
      if (/^multipart\//i.test(kind)) {
        throw malformed('a part within a part: RFC 7578 has done away with it');
      }
      found.type = text;
    } else if (field === 'content-transfer-encoding' && !/^(7bit|8bit|binary)$/i.test(text)) {
      throw malformed('a part is encoded: RFC 7578 has done away with it');
    }
  }
  if (found.name === undefined) throw malformed('a part has no name');
  return found;
}
