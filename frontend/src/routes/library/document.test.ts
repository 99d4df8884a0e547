import { describe, expect, it } from 'vitest';
import {
  categoriesOf,
  categorised,
  documentOf,
  entriesOf,
  importing,
  inverse,
  isName,
  replaced,
  saved,
  searched,
  type Entry,
} from './document';

const document = {
  items: { Owl: 'an owl', 'pets::cat': 'a cat, $owl$', odd: [1] },
  categories: { owl: 'Birds', odd: 5 },
  categoryList: ['Empty', 'Birds', 7],
};
const entries = entriesOf(document);
const [owl, cat] = entries as [Entry, Entry];

describe('entriesOf', () => {
  it('reads both formats and leaves out what is no text', () => {
    expect(entries).toEqual([
      { name: 'Owl', key: 'owl', text: 'an owl', category: 'Birds' },
      { name: 'pets::cat', key: 'pets::cat', text: 'a cat, $owl$', category: '' },
    ]);
    expect(entriesOf({ a: 'b' })).toEqual([{ name: 'a', key: 'a', text: 'b', category: '' }]);
  });
  it.each([null, 5, 'x', [], { items: null }, {}])('finds none in %j', (odd) => expect(entriesOf(odd)).toEqual([]));
  it('knows a name in one case only', () => {
    expect(entriesOf({ a: 'first', A: 'last' })).toEqual([{ name: 'A', key: 'a', text: 'last', category: '' }]);
  });
});

it('counts categories, also those that are empty', () => {
  expect(categoriesOf(document, entries)).toEqual([
    { name: 'Birds', count: 1 },
    { name: 'Empty', count: 0 },
  ]);
  expect(categoriesOf({ a: 'b' }, entriesOf({ a: 'b' }))).toEqual([]);
});

it('searches names, texts and categories, names first', () => {
  expect(searched(entries, 'OWL', null)).toEqual([owl, cat]);
  expect(searched(entries, 'cat owl', null)).toEqual([cat]);
  expect(searched(entries, '$owl$', 'Birds')).toEqual([owl]);
  expect(searched(entries, 'bird', null)).toEqual([owl]);
  expect(searched(entries, 'lamp', null)).toEqual([]);
});

describe('changes', () => {
  it('replace texts letter for letter, in any case where that is wanted', () => {
    expect(replaced(entries, 'A ', '$& ', true)).toEqual([]);
    expect(replaced(entries, 'AN', '$&', false)).toEqual([
      { name: 'Owl', was: { text: 'an owl', category: 'Birds' }, now: { text: '$& owl', category: 'Birds' } },
    ]);
    expect(replaced(entries, '', 'x', false)).toEqual([]);
    expect(replaced(entries, '$owl$', '(x)', true)[0]?.now?.text).toBe('a cat, (x)');
  });
  it('categorise only what is elsewhere', () => {
    expect(categorised(entries, 'Birds').map(({ name }) => name)).toEqual(['pets::cat']);
  });
  it('rename along with the aliases that use the name', () => {
    const now = { text: 'an owl', category: 'Birds' };
    const changes = saved(owl, 'uhu', now, entries);
    expect(changes).toEqual([
      { name: 'Owl', was: now, now: null },
      { name: 'uhu', was: null, now },
      { name: 'pets::cat', was: { text: 'a cat, $owl$', category: '' }, now: { text: 'a cat, $uhu$', category: '' } },
    ]);
    expect(inverse(inverse(changes))).toEqual(changes);
  });
  it('keep the spelling of a name that differs in case alone', () => {
    expect(saved(owl, 'OWL', { text: 'x', category: '' }, entries)).toEqual([
      { name: 'Owl', was: { text: 'an owl', category: 'Birds' }, now: { text: 'x', category: '' } },
    ]);
    expect(saved(null, 'new', { text: 'x', category: '' }, entries)[0]?.was).toBeNull();
  });
});

describe('importing', () => {
  const file = {
    items: { owl: 'an owl', 'PETS::cat': 'a lion', fox: 'a fox', 'two words': 'x' },
    categories: { owl: 'Birds' },
  };
  it('adds what is new', () => {
    const found = importing(entries, file, 'add');
    expect(found.changes.map(({ name }) => name)).toEqual(['fox']);
    expect(found).toMatchObject({ same: 1, unusable: ['two words'] });
  });
  it('merges over what there is', () => {
    expect(importing(entries, file, 'merge').changes.map(({ name, now }) => [name, now?.text])).toEqual([
      ['fox', 'a fox'],
      ['pets::cat', 'a lion'],
    ]);
  });
  it('replaces everything', () => {
    expect(importing(entries, { fox: 'a fox' }, 'replace').changes.map(({ name, now }) => [name, now?.text])).toEqual([
      ['fox', 'a fox'],
      ['Owl', undefined],
      ['pets::cat', undefined],
    ]);
  });
  it('reads what was exported', () => {
    expect(entriesOf(JSON.parse(JSON.stringify(documentOf(entries))))).toEqual(entries);
    expect(importing(entries, documentOf(entries), 'replace')).toEqual({ changes: [], same: 2, unusable: [] });
  });
});

it.each([
  ['fox', true],
  ['A::b-c_1', true],
  ['', false],
  ['two words', false],
  ['ä', false],
  ['$a$', false],
  ['a'.repeat(201), false],
])('%s can be a name: %s', (name, fits) => expect(isName(name)).toBe(fits));
