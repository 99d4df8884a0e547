import { describe, expect, it } from 'vitest';
import { field } from '$lib/testing';
import { isDrawn, wouldChange } from './endless';

describe('isDrawn', () => {
  it.each([
    ['a red cat', false],
    ['a {red|blue} cat', true],
    ['a {red} cat', false],
    ['__colour__ cat', true],
    ['{2$$a|b|c}', true],
    ['$mood$ cat', true],
    ['$plain$ cat', false],
    ['$look:mood2$', true],
    ['look::mood2, cat', true],
    ['$outer$', true],
    ['$round$', false],
  ])('%s: %s', (text, expected) => {
    const aliases = {
      mood: '{happy|sad}',
      plain: 'quiet',
      'look::mood2': '__moods__',
      outer: 'a $mood$',
      round: 'a $round$',
    };
    expect(isDrawn(text, aliases)).toBe(expected);
  });
});

describe('wouldChange', () => {
  const fields = [field({ key: 'Prompt', default: 'a {red|blue} cat' }), field({ key: 'Seed', type: 'int' })];
  it.each([
    [{ randomize: ['Seed'] }, true],
    [{}, true],
    [{ values: { Prompt: 'a cat' } }, false],
    [{ bypass: ['Prompt'] }, false],
    [{ values: { Prompt: '$x$' } }, true],
  ])('%j: %s', (request, expected) => {
    expect(wouldChange({ workflow: 'a.json', ...request }, fields, { x: '__y__' })).toBe(expected);
  });
});
