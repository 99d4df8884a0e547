import { expect, it } from 'vitest';
import { neighbour, withTab } from './tabs.svelte';

it.each([
  [['a', 'b'], 'a', null, ['a', 'b']],
  [['a', 'b'], 'c', 'a', ['a', 'c', 'b']],
  [['a', 'b'], 'c', null, ['a', 'b', 'c']],
  [['a', 'b'], 'c', 'gone', ['a', 'b', 'c']],
])('in %j, %s opens behind %s: %j', (names, name, after, expected) => {
  expect(withTab(names, name, after)).toEqual(expected);
});

it('closes the oldest when there are too many', () => {
  expect(withTab(['a', 'b', 'c'], 'd', 'a', 3)).toEqual(['a', 'd', 'c']);
  expect(withTab(['a', 'b', 'c'], 'd', 'c', 3)).toEqual(['b', 'c', 'd']);
});

it.each([
  [['a', 'b', 'c'], 'b', 'c'],
  [['a', 'b'], 'b', 'a'],
  [['a'], 'a', null],
])('in %j, closing %s shows %s', (names, name, next) => expect(neighbour(names, name)).toBe(next));
