import { post } from '$lib/api/client';
import type { GalleryItem } from '$lib/gallery/items';

const MOST = 60;

/** Has the server make the pictures that are about to be seen. One for each window that is looked through. */
export class Ahead {
  readonly #client = Math.random().toString(36).slice(2);
  #told = new Map<number, string>();

  /** These files come next, the nearest first, each with the width that its picture will be asked in. */
  tell(files: readonly { item: GalleryItem; width: number }[]): void {
    const wanted = new Map<number, GalleryItem[]>();
    for (const width of this.#told.keys()) wanted.set(width, []);
    for (const { item, width } of files.slice(0, MOST)) wanted.set(width, [...(wanted.get(width) ?? []), item]);
    for (const [width, items] of wanted) {
      const list = items.map(({ type, filename, subfolder }) => ({ type, filename, subfolder }));
      const text = JSON.stringify(list);
      if ((this.#told.get(width) ?? '[]') === text) continue;
      this.#told.set(width, text);
      const body = { items: list, width, fmt: 'avif' as const, client: `${this.#client} ${width}` };
      // It saves a wait; without it pictures are made when they are asked for.
      post('/cozygen/api/thumbs/ahead', { body }).catch(() => undefined);
    }
  }
}
