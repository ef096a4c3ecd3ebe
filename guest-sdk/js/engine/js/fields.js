// The syntax that header fields share: a value, and parameters behind semicolons (RFC 9110, 5.6).

const SPACES = '\t\n\f\r ';

/**
 * Returns a text without these characters at its ends. A pattern would look at each inner run of them
 * many times.
 */
export function trim(text, spaces = SPACES) {
  let [start, end] = [0, text.length];
  while (start < end && spaces.includes(text[start])) start += 1;
  while (start < end && spaces.includes(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

/** Returns the parts between separators that stand outside of quotes, without spaces around them. */
export function split(text, separator) {
  const parts = [];
  let [start, isQuoted] = [0, false];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') isQuoted = !isQuoted;
    else if (character === '\\' && isQuoted) at += 1;
    else if (character === separator && !isQuoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts.map((part) => trim(part));
}

// Browsers send backslashes in names of files as they are, so only `\"` is an escape.
const unquoted = (text) =>
  text.length > 1 && text.startsWith('"') && text.endsWith('"')
    ? text.slice(1, -1).replaceAll('\\"', '"')
    : text;

/** Returns a value, and the parameters behind it: pairs of a name in lower case and a value. */
export function valueAndParameters(text) {
  const [value, ...parts] = split(text, ';');
  const parameters = [];
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at < 0) continue;
    parameters.push([trim(part.slice(0, at)).toLowerCase(), unquoted(trim(part.slice(at + 1)))]);
  }
  return [value, parameters];
}

/** Returns a media range of `accept`, or a media type, in its parts; a weight is in thousandths. */
function mediaRange(text) {
  const [value, parameters] = valueAndParameters(text);
  const [kind, subtype = ''] = value.toLowerCase().split(/\/(.*)/s);
  let weight = 1_000;
  for (const [name, text] of parameters) {
    if (name !== 'q') continue;
    const isWeight = /^[01](\.\d{0,3})?$/.test(text) && Number(text) <= 1;
    weight = isWeight ? Math.round(Number(text) * 1_000) : 0;
  }
  return { kind, subtype, weight, hasParameters: parameters.some(([name]) => name !== 'q') };
}

/** Returns how well a range fits a media type: -1 for not at all. */
function specificity(range, offered) {
  // What a parameter means is known to nobody here: a range with some is for a type with some.
  if (range.hasParameters && !offered.hasParameters) return -1;
  if (range.kind === '*' && range.subtype === '*') return 0;
  if (range.kind !== offered.kind) return -1;
  if (range.subtype === '*') return 1;
  return range.subtype === offered.subtype ? 2 + Number(range.hasParameters) : -1;
}

/** Returns which media type a client would like best by its `accept`; null for none of them. */
export function best(accept, offered) {
  if (accept === null) return offered[0] ?? null;
  const ranges = split(accept, ',').map(mediaRange);
  let [found, heaviest] = [null, 0];
  for (const type of offered) {
    const wanted = mediaRange(type);
    let [fit, weight] = [-1, 0];
    for (const each of ranges) {
      const how = specificity(each, wanted);
      if (how < 0 || how < fit) continue;
      // Of two that are as specific, the better one.
      weight = how === fit ? Math.max(weight, each.weight) : each.weight;
      fit = how;
    }
    if (weight > heaviest) [found, heaviest] = [type, weight];
  }
  return found;
}
