import type { GalleryItem } from '$lib/gallery/items';
import { describe, expect, it, vi } from 'vitest';
import { groupsOf } from './layout';
import { Selection } from './selection.svelte';
import { PAGE, Sequence, type Source } from './sequence.svelte';

const item = (number: number): GalleryItem => ({
  filename: `${number}.png`,
  type: 'output',
  subfolder: '',
  mtime: number,
  width: 2,
  height: 1,
});

/** A listing in memory, newest first. */
class Library implements Source {
  newestFirst = true;
  asked: number[] = [];
  items: GalleryItem[];

  constructor(count: number) {
    this.items = Array.from({ length: count }, (_, place) => item(count - place));
  }

  overview() {
    const total = this.items.length;
    const periods = [{ date: '2026-10-05', count: total, ratio: 2 }];
    return Promise.resolve({ groups: groupsOf({ unit: 'day', periods, total, ratio: 2 }, 'newest'), total, ratio: 2 });
  }

  page(page: number) {
    this.asked.push(page);
    const items = this.items.slice(page * PAGE, (page + 1) * PAGE);
    return Promise.resolve({ items: items.map((found) => ({ ...found })), total: this.items.length, indexing: false });
  }
}

async function opened(count: number): Promise<[Sequence, Library]> {
  const library = new Library(count);
  const sequence = new Sequence(library);
  await sequence.open();
  return [sequence, library];
}

describe('a sequence', () => {
  it('loads the pages that are looked at, and those after them, once', async () => {
    const [sequence, library] = await opened(1000);
    sequence.show(500, 540, 1);
    await vi.waitFor(() => expect(sequence.at(540)?.filename).toBe('460.png'));
    await vi.waitFor(() => expect(sequence.at(799)?.filename).toBe('201.png'));
    expect(sequence.at(200)).toBeNull();
    sequence.show(510, 550, 1);
    expect(new Set(library.asked).size).toBe(library.asked.length);
  });

  it('moves what it knows along when files come first', async () => {
    const [sequence, library] = await opened(300);
    const before = sequence.at(50);
    library.items.unshift(item(302), item(301));
    sequence.refresh();
    await vi.waitFor(() => expect(sequence.total).toBe(302));
    expect(sequence.at(52)).toBe(before);
    expect(sequence.at(0)?.filename).toBe('302.png');
    expect(sequence.arrivals).toBe(2);
    expect(sequence.indexOf('250.png', 50)).toBe(52);
  });

  it('closes up where files go', async () => {
    const [sequence] = await opened(150);
    sequence.remove(new Set(['150.png', '149.png', 'unknown.png']));
    expect(sequence.total).toBe(148);
    expect(sequence.at(0)?.filename).toBe('148.png');
    expect(sequence.groups.map((group) => group.count)).toEqual([148]);
    sequence.remove(new Set(Array.from({ length: 148 }, (_, place) => `${place + 1}.png`)));
    expect(sequence.total).toBe(50);
  });

  it('gives a stretch that nobody has looked at', async () => {
    const [sequence] = await opened(450);
    const found = await sequence.range(398, 202);
    expect(found.map((one) => one.mtime)).toEqual(Array.from({ length: 197 }, (_, place) => 248 - place));
  });

  it('learns the shape of what nobody has measured', async () => {
    const [sequence, library] = await opened(0);
    library.items = [{ ...item(1), width: null, height: null }];
    sequence.refresh();
    await vi.waitFor(() => expect(sequence.total).toBe(1));
    expect(sequence.ratioAt(0)).toBe(1);
    sequence.learn(library.items[0] as GalleryItem, 1.5);
    expect(sequence.ratioAt(0)).toBe(1.5);
  });
});

describe('a selection', () => {
  it('takes single files, stretches and everything', async () => {
    const [sequence] = await opened(250);
    const selection = new Selection(sequence);
    await selection.toggle(sequence.at(2) as GalleryItem, 2);
    await selection.extend(230);
    expect(selection.count).toBe(229);
    await selection.toggle(sequence.at(5) as GalleryItem, 5);
    expect(selection.count).toBe(228);
    selection.chooseAll();
    expect([selection.count, selection.all]).toEqual([250, true]);
    await selection.toggle(sequence.at(7) as GalleryItem, 7);
    expect([selection.count, selection.all]).toEqual([249, false]);
    expect(selection.has(sequence.at(7) as GalleryItem)).toBe(false);
    selection.clear();
    expect(selection.active).toBe(false);
  });

  it('takes a day, and leaves it out again', async () => {
    const [sequence] = await opened(30);
    const selection = new Selection(sequence);
    await selection.flip(10, 19);
    expect(selection.count).toBe(10);
    await selection.flip(10, 19);
    expect(selection.count).toBe(0);
  });
});
