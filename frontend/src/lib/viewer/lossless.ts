const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;
const MARK = '\\u0000whole:';
const MARKED = /"\\u0000whole:(-?\d+)"/g;

/** JSON text, with lines and indentation, and every digit of large whole numbers, which `JSON.parse` would round. */
export function prettyJson(text: string, pick: (value: unknown) => unknown = (value) => value): string {
  const kept = text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"${MARK}${token}"`));
  return JSON.stringify(pick(JSON.parse(kept)), null, 2).replace(MARKED, '$1');
}
