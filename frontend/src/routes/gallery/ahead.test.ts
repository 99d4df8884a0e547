import type { GalleryItem } from '$lib/gallery/items';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Ahead } from './ahead';

const item = (filename: string): GalleryItem => ({ filename, type: 'output', subfolder: 'a', mtime: 1 });
const asked: { width: number; items: { filename: string }[] }[] = [];

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    asked.push(JSON.parse(String(init.body)) as (typeof asked)[number]);
    return Promise.resolve(new Response('{"ok": true, "accepted": 1}'));
  });
});
afterEach(() => vi.unstubAllGlobals());

it('tells what comes next once for each width, and takes back what no longer does', () => {
  const ahead = new Ahead();
  const files = [
    { item: item('1.png'), width: 256 },
    { item: item('2.png'), width: 512 },
    { item: item('3.png'), width: 256 },
  ];
  ahead.tell(files);
  ahead.tell(files);
  expect(asked.map(({ width, items }) => [width, items.map(({ filename }) => filename)])).toEqual([
    [256, ['1.png', '3.png']],
    [512, ['2.png']],
  ]);
  ahead.tell(files.slice(0, 1));
  expect(asked.slice(2).map(({ width, items }) => [width, items.length])).toEqual([
    [256, 1],
    [512, 0],
  ]);
});
