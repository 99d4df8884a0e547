import { describe, expect, it, vi } from 'vitest';
import {
  aliasesOf,
  checkable,
  knows,
  lastWords,
  ranked,
  rankedAliases,
  TagSource,
  typedBefore,
  written,
  type Answer,
  type Suggestion,
} from './suggest';

const tag = (name: string, count: number): Suggestion => ({ name, kind: 'tag', count, category: 'general', text: '' });
const found = (name: string, count = 1) => ({ tag: name, count, category: 'general' });
const names = (items: readonly Suggestion[] | undefined) => items?.map(({ name }) => name);

describe('ranked', () => {
  it('puts names that begin with it first, each group by count', () => {
    const items = [tag('long_hair', 9), tag('airship', 8), tag('hair_bow', 2), tag('hairband', 5)];
    expect(names(ranked(items, 'hair'))).toEqual(['hairband', 'hair_bow', 'long_hair']);
    expect(names(ranked(items, 'air'))).toEqual(['airship', 'long_hair', 'hairband', 'hair_bow']);
  });
});

describe('TagSource', () => {
  it('answers from what it knows, and says whether that is all', async () => {
    const ask = vi.fn((query: string): Promise<Answer> =>
      Promise.resolve(
        query === 'bl' ? { items: [found('blue'), found('blush')], total: 50 } : { items: [found('blue')], total: 1 },
      ),
    );
    const source = new TagSource(ask);
    expect(source.look('bl')).toBeNull();
    await source.fetch('bl');
    expect(source.look('bl')?.final).toBe(true);
    expect(source.look('blu')).toMatchObject({ items: [{ name: 'blue' }, { name: 'blush' }], final: false });
    await source.fetch('blue');
    expect(source.look('blue_')).toMatchObject({ items: [{ name: 'blue' }], final: true });
    expect(ask).toHaveBeenCalledTimes(2);
  });
  it('forgets a list that is replaced', async () => {
    const source = new TagSource(() => Promise.resolve({ items: [found('blue')], total: 1 }));
    await source.fetch('bl');
    source.forget();
    expect(source.look('bl')).toBeNull();
  });
  it('ends a request that a newer one makes stale, and asks once for the same', async () => {
    const signals: AbortSignal[] = [];
    const ask = (query: string, signal: AbortSignal) =>
      new Promise<Answer>((resolve, reject) => {
        signals.push(signal);
        signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
        if (query === 'bl') resolve({ items: [found('blue')], total: 1 });
      });
    const source = new TagSource(ask);
    const stale = source.fetch('b');
    void source.fetch('b').catch(() => undefined);
    expect(signals.length).toBe(1);
    const fresh = source.fetch('bl');
    await expect(stale).rejects.toThrow();
    await fresh;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  });
});

describe('aliases', () => {
  const aliases = aliasesOf({
    items: { Hero: ' a knight ', 'scene::night': 'dark', empty: '', 7: 3 },
    categories: { Hero: 'People' },
  });
  it('reads both forms of the document', () => {
    expect(aliases.map(({ name, text, category }) => [name, text, category])).toEqual([
      ['hero', 'a knight', 'People'],
      ['scene::night', 'dark', ''],
    ]);
    expect(names(aliasesOf({ x: 'y' }))).toEqual(['x']);
    expect([aliasesOf(null), aliasesOf([]), aliasesOf({ items: [] })]).toEqual([[], [], []]);
  });
  it('knows them with and without their category', () => {
    const known = knows(aliases);
    expect(['HERO', 'people:hero', 'people::hero', 'scene:night', 'night'].every(known)).toBe(true);
    expect(known('nobody')).toBe(false);
  });
  it('finds them by any part', () => {
    expect(names(rankedAliases(aliases, 'nig'))).toEqual(['scene::night']);
    expect(names(rankedAliases(aliases, ''))).toEqual(['hero', 'scene::night']);
  });
});

describe('typedBefore', () => {
  it.each([
    ['a cat, blue ha', 7, 'blue_ha', 'tag'],
    ['(long_h', 1, 'long_h', 'tag'],
    ['smile \\(hap', 0, 'smile_(hap', 'tag'],
    ['a, $he', 3, 'he', 'alias'],
    ['a, $', 3, '', 'alias'],
  ])('%s', (text, from, query, kind) => expect(typedBefore(text)).toEqual({ from, query, kind }));
  it.each(['', 'a, ', '12', 'x'.repeat(61)])('nothing in %j', (text) => expect(typedBefore(text)).toBeNull());
  it('tries the last words of a sentence', () => {
    const text = 'standing in blue ey';
    const typed = typedBefore(text);
    expect(typed && lastWords(typed, text)).toEqual([{ from: 12, query: 'blue_ey', kind: 'tag' }]);
  });
});

describe('writing and checking', () => {
  it('writes a tag so that its brackets weigh nothing', () => {
    expect(written('smile_(happy)', true)).toBe('smile \\(happy\\)');
    expect(written('smile_(happy)', false)).toBe('smile_\\(happy\\)');
    expect(written('^_^', true)).toBe('^_^');
  });
  it.each([
    ['Long Hair', 'long_hair'],
    ['smile \\(happy\\)', 'smile_(happy)'],
    ['$hero$', null],
    ['{a|b}', null],
    ['BREAK', null],
    ['a quiet lake at dusk in the rain', null],
    ['A cat sleeps.', null],
    ['12', null],
  ])('checks %j as %j', (text, expected) => expect(checkable(text)).toBe(expected));
});
