import { expect, it } from 'vitest';
import type { GalleryItem, ItemSequence } from '$lib/gallery/items';
import { findMoved } from './moved';

const row = (...names: (string | null)[]): ItemSequence => ({
  total: names.length,
  at: (index) => (names[index] ? ({ filename: names[index], subfolder: '' } as GalleryItem) : null),
  want: () => undefined,
});

it.each([
  [row('new', 'a', 'b'), 'a', 0, 1],
  [row('b', 'c'), 'b', 1, 0],
  [row('a', null, 'b'), 'b', 0, 2],
  [row('a', 'c'), 'b', 1, null],
  [row(), 'b', 0, null],
])('follows a file that moved', (items, key, from, place) => expect(findMoved(items, key, from)).toBe(place));
