// What a handler throws as an answer.

/** An answer that a handler throws. The client gets the text; nothing is logged. */
export class HTTPError extends Error {
  constructor(status, text = '', options) {
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(
        `the status of an HTTPError is a number from 400 to 599, not ${status}: ` +
          'any other answer is returned, or thrown as a Response',
      );
    }
    super(text, options);
    this.name = 'HTTPError';
    this.status = status;
  }
}
