import { describe, expect, it } from 'vitest';
import {
  crumbs,
  hasTerm,
  listingKey,
  propertyTerm,
  queryOf,
  searchText,
  sortFrom,
  terms,
  toggleTerm,
  viewOf,
} from './query';

describe('a view', () => {
  it('is read back from its address', () => {
    const view = viewOf({
      q: 'fox',
      sort: 'random:abc',
      kind: 'video',
      folder: '/2026/10/',
      favorites: '1',
      mode: 'feed',
      album: '7',
      hidden: '1',
    });
    expect(view).toMatchObject({ folder: '2026/10', sort: 'random:abc', kind: 'video', album: 7, favorites: true });
    expect(viewOf(queryOf(view))).toEqual(view);
  });

  it('is the usual one where the address says nothing, or nonsense', () => {
    expect(viewOf({ sort: 'sideways', kind: 'text', album: 'x', show: 'y', mode: 'z' })).toEqual(viewOf({}));
    expect(Object.values(queryOf(viewOf({}))).filter(Boolean)).toEqual([]);
  });

  it('has the same files in the grid and in the feed', () => {
    expect(listingKey(viewOf({ mode: 'feed' }))).toBe(listingKey(viewOf({})));
    expect(listingKey(viewOf({ q: 'a' }))).not.toBe(listingKey(viewOf({})));
  });
});

describe('a search', () => {
  it.each([
    ['', false, ''],
    ['', true, 'is:favorite'],
    ['fox', true, 'fox is:favorite'],
    ['fox OR owl', true, '(fox OR owl) is:favorite'],
  ])('%s %s', (q, favorites, text) => expect(searchText({ q, favorites })).toBe(text));

  it('falls into its terms', () => {
    expect(terms(' fox  tag:"two words" (a OR b) -x ')).toEqual(['fox', 'tag:"two words"', '(a OR b)', '-x']);
    expect(terms('tag:"open end')).toEqual(['tag:"open end']);
  });

  it('takes a term in, and out again', () => {
    const term = propertyTerm('model', 'my model.safetensors');
    const more = toggleTerm('fox', term);
    expect(more).toBe('fox model:"my model.safetensors"');
    expect(hasTerm(more, term)).toBe(true);
    expect(toggleTerm(more, term)).toBe('fox');
  });

  it('never breaks out of its quotation marks', () => expect(propertyTerm('tag', 'a"b c')).toBe('tag:"a*b c"'));
});

it('shuffles in another way each time', () => {
  expect(sortFrom('name')).toBe('name');
  expect(sortFrom('random')).toMatch(/^random:\w+$/);
});

it('knows the way to a folder', () =>
  expect(crumbs('a/b')).toEqual([
    ['a', 'a'],
    ['a/b', 'b'],
  ]));
