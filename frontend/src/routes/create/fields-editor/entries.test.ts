import { expect, it } from 'vitest';
import { field } from '$lib/testing';
import { firstEntries, moved, newEntry, tidy, typedNumber } from './entries';

it('begins with what the form shows unfolded', () => {
  const fields = [
    field({ node_id: '3', input: 'seed', label: 'Seed', group: 'Look', row: 'r' }),
    field({ node_id: '4', input: 'cfg', group: 'more' }),
  ];
  const form = { workflow: 'a.json', title: '', description: '', mode: null, fields, outputs: [], problems: [] };
  expect(firstEntries(form)).toEqual([{ node_id: '3', input: 'seed', label: 'Seed', group: 'Look', row: 'r' }]);
});

it('stores what is set', () => {
  const entry = {
    ...newEntry(field({ node_id: '3', input: 'cfg', label: 'CFG' })),
    group: '',
    min: 0,
    max: null,
    multiline: false,
  };
  expect(tidy(entry)).toEqual({ node_id: '3', input: 'cfg', label: 'CFG', min: 0, multiline: false });
});

it.each([
  ['', null],
  [' 0,5 ', 0.5],
  ['x', NaN],
])('reads %j as %j', (text, number) => expect(typedNumber(text)).toBe(number));

it.each([
  [0, 2, ['b', 'c', 'a']],
  [2, 0, ['c', 'a', 'b']],
  [9, 0, ['a', 'b', 'c']],
])('moves %d to %d', (from, to, expected) => expect(moved(['a', 'b', 'c'], from, to)).toEqual(expected));
