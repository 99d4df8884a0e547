import { describe, expect, it } from 'vitest';
import { fit, parts } from './fuzzy';

const score = (query: string, text: string) => fit(query, text)?.score ?? -Infinity;
const marked = (query: string, text: string) =>
  parts(text, fit(query, text)?.ranges ?? [])
    .map(({ text, hit }) => (hit ? `[${text}]` : text))
    .join('');

describe('fit', () => {
  it('finds beginnings, parts and initials', () => {
    expect(marked('gal', 'Gallery')).toBe('[Gal]lery');
    expect(marked('tti', 'Text to image')).toBe('[T]ext [t]o [i]mage');
    expect(marked('dark', 'Theme: dark')).toBe('Theme: [dark]');
  });

  it('takes words in any order, and accents and cases as equal', () => {
    expect(marked('image text', 'Text to image')).toBe('[Text] to [image]');
    expect(marked('GROE', 'Die große')).toBe('Die [gro]ß[e]');
    expect(marked('ange', 'Äpfel von Ängelo')).toBe('Äpfel von [Änge]lo');
  });

  it('prefers the start of a word and letters in a row', () => {
    expect(score('set', 'Settings')).toBeGreaterThan(score('set', 'Reset the form'));
    expect(score('set', 'Reset')).toBeGreaterThan(score('set', 'use a better tune'));
    expect(score('queue', 'Queue')).toBeGreaterThan(score('queue', 'Pause the queue'));
  });

  it('finds the better of two places', () => {
    expect(marked('cat', 'concert of a cat')).toBe('concert of a [cat]');
  });

  it('refuses what is missing, out of order or strewn by chance', () => {
    expect(fit('xyz', 'Gallery')).toBeNull();
    expect(fit('lag', 'Gal')).toBeNull();
    expect(fit('gallery zebra', 'Gallery')).toBeNull();
    expect(fit('rest', 'a picture of the weather with no trees in it')).toBeNull();
  });

  it('fits everything when nothing is typed', () => {
    expect(fit('  ', 'Gallery')).toMatchObject({ ranges: [] });
  });

  it('counts characters beyond the first plane as the text does', () => {
    expect(marked('cat', '🐈 a cat')).toBe('🐈 a [cat]');
    expect(marked('🐈', 'a 🐈')).toBe('a [🐈]');
  });

  it('stays quick on long texts', () => {
    expect(fit('needle', 'hay '.repeat(5000) + 'needle')).toBeNull();
  });
});

describe('parts', () => {
  it('give the text again', () => {
    expect(parts('abc', [])).toEqual([{ text: 'abc', hit: false }]);
    expect(parts('abc', [[0, 3]])).toEqual([{ text: 'abc', hit: true }]);
    expect(parts('', [])).toEqual([]);
  });
});
