import { describe, expect, it } from 'vitest';
import { estimateTokens } from './tokens';

describe('estimateTokens', () => {
  it.each([
    ['', 0],
    ['a cat, a dog', 5],
    ['(a cat:1.25)', 2],
    ['<lora:ink:0.5>, x', 2],
    ['1girl', 2],
    ['smile \\(happy\\)', 4],
    ['extraordinary', 3],
    ['日本', 2],
    ["don't", 2],
  ])('%s: %i', (text, count) => expect(estimateTokens(text)).toBe(count));
});
