import { expect, it } from 'vitest';
import { parseExact, stringifyExact } from './exact';

it.each([
  '{"seed":18446744073709551615,"low":-9223372036854775808,"steps":20}',
  '{"text":"seed 18446744073709551615, \\"12345678901234567890\\"","list":[12345678901234567890,0.1234567890123456]}',
  '{"12345678901234567890":1}',
  '[9007199254740991,9007199254740993]',
])('%s comes back as it was', (text) => expect(stringifyExact(parseExact(text))).toBe(text));

it('leaves ordinary numbers numbers', () => {
  expect(parseExact('{"steps":20,"cfg":7.5,"big":9007199254740991}')).toEqual({
    steps: 20,
    cfg: 7.5,
    big: 9007199254740991,
  });
});
