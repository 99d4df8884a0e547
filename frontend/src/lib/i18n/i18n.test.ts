import { describe, expect, it } from 'vitest';
import de from './de';
import en from './en';
import { formatBytes, formatDuration, formatTime, i18n, preferred, t } from './index.svelte';

/** Every text with where it stands; functions are called with names or numbers. */
function texts(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value === 'function') return [[path, String((value as (...given: unknown[]) => string)(2, 3))]];
  return Object.entries(value as object).flatMap(([key, inner]) => texts(inner, `${path}.${key}`));
}

describe('the languages', () => {
  it('have the same texts, none empty', () => {
    const english = texts(en);
    const german = texts(de);
    expect(german.map(([path]) => path)).toEqual(english.map(([path]) => path));
    expect([...english, ...german].filter(([, text]) => text.trim() === '')).toEqual([]);
  });
  it('are not the same', () => {
    const english = new Map(texts(en));
    const shared = texts(de).filter(([path, text]) => text.length > 12 && english.get(path) === text);
    expect(shared).toEqual([]);
  });
});

describe('preferred', () => {
  it.each([
    [['de-AT', 'en'], 'de'],
    [['fr', 'de'], 'de'],
    [['fr-CA'], 'en'],
    [[], 'en'],
  ])('%j -> %s', (languages, expected) => expect(preferred(languages)).toBe(expected));
});

describe('switching', () => {
  it('changes the texts, the page and the notation, and is remembered', async () => {
    await i18n.choose('de');
    expect(t().cancel).toBe('Abbrechen');
    expect(document.documentElement.lang).toBe('de');
    expect(formatDuration(3.25)).toBe('3,3 s');
    expect(localStorage.getItem('cozygen.language')).toBe('de');
    await i18n.choose('en');
    expect(t().cancel).toBe('Cancel');
  });
});

describe('times', () => {
  it('are short where that is enough', () => {
    expect(formatDuration(42.4)).toBe('42 s');
    expect(formatDuration(125)).toBe('2:05 min');
    const now = new Date(2026, 0, 2, 12, 0);
    const epoch = (date: Date) => date.getTime() / 1000;
    expect(formatTime(epoch(new Date(2026, 0, 2, 9, 30)), now)).toMatch(/^9:30/);
    expect(formatTime(epoch(new Date(2026, 0, 1, 9, 30)), now)).toContain('Jan 1, 2026');
  });
});

describe('sizes', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1500, '1.5 kB'],
    [23_400_000, '23.4 MB'],
    [234_000_000, '234 MB'],
    [5e15, '5,000 TB'],
  ])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
