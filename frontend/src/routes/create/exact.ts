/** Marks a whole number that JavaScript would round, as a text; no key or value of a workflow starts like this. */
const MARK = '\u0001exact:';
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
const MARKED = /"\\u0001exact:(-?\d+)"/g;

/** As `JSON.parse`, but whole numbers too large for JavaScript, as seeds are, survive until `stringifyExact`. */
export function parseExact(text: string): unknown {
  return JSON.parse(
    text.replace(TOKEN, (token) =>
      token.startsWith('"') || Number.isSafeInteger(Number(token)) ? token : JSON.stringify(MARK + token),
    ),
  );
}

/** As `JSON.stringify`, with the numbers that `parseExact` kept. */
export function stringifyExact(value: unknown): string {
  return JSON.stringify(value).replace(MARKED, '$1');
}
