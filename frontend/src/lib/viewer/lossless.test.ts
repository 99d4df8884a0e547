import { expect, it } from 'vitest';
import { prettyJson } from './lossless';

it('keeps every digit', () => {
  const text =
    '{"a":{"seed":18446744073709551615,"n":-12345678901234567890,"x":1.5},"b":["12345678901234567890 \\" 99999999999999999"]}';
  expect(prettyJson(text, (value) => (value as { a: unknown }).a)).toBe(
    '{\n  "seed": 18446744073709551615,\n  "n": -12345678901234567890,\n  "x": 1.5\n}',
  );
  expect(JSON.parse(prettyJson(text))).toEqual(JSON.parse(text));
});

it('leaves other numbers as they are', () => {
  expect(prettyJson('[1e21,12345678901234567.25,0]')).toBe('[\n  1e+21,\n  12345678901234568,\n  0\n]');
});
