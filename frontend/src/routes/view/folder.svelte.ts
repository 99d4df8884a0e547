import { ApiError, get } from '$lib/api/client';
import { mediaKind } from '$lib/media';
import type { GalleryItem, ItemSequence } from '$lib/gallery/items';

const PER_PAGE = 200;
const MOST_PAGES = 200;

/** A file that an address names. */
export interface Named {
  subfolder: string;
  filename: string;
}

/** The file of the segments of an address; null where there are none. */
export function named(segments: readonly string[]): Named | null {
  const filename = segments.at(-1);
  return filename ? { filename, subfolder: segments.slice(0, -1).join('/') } : null;
}

/**
 * A file, at once, then with it those of its folder, newest first. `place` is where it was when they were first listed.
 */
export class FolderSequence implements ItemSequence {
  items = $state.raw<readonly GalleryItem[]>([]);
  place = $state(0);
  state = $state<'loading' | 'there' | 'missing' | 'failed'>('loading');
  readonly total = $derived(this.items.length);
  #listed = false;
  #reloads = 0;
  #stop = new AbortController();

  constructor(readonly file: Named) {}

  at(index: number): GalleryItem | null {
    return this.items[index] ?? null;
  }

  want(): void {
    // All of the folder is loaded, a part at a time.
  }

  close(): void {
    this.#stop.abort();
  }

  async load(): Promise<void> {
    this.state = 'loading';
    try {
      const notes = await get('/cozygen/api/gallery/marks', { query: this.file, signal: this.#stop.signal });
      this.items = [
        {
          filename: notes.filename,
          subfolder: notes.subfolder,
          type: 'output',
          mtime: 0,
          media_kind: mediaKind(notes.filename),
        },
      ];
      this.state = 'there';
      await this.reload();
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const missing = error instanceof ApiError && [400, 403, 404].includes(error.status);
      if (this.items.length === 0) this.state = missing ? 'missing' : 'failed';
    }
  }

  /** Ask again what is in the folder. Throws `ApiError`. */
  async reload(): Promise<void> {
    const mine = ++this.#reloads;
    const found: GalleryItem[] = [];
    for (let page = 1; page <= MOST_PAGES; page++) {
      const answer = await get('/cozygen/api/gallery', {
        query: { subfolder: this.file.subfolder, sort: 'newest', page, per_page: PER_PAGE },
        signal: this.#stop.signal,
      });
      // What is searched for comes from folders below as well, unless it is asked for as a listing.
      found.push(...answer.items.filter((item) => item.type !== 'directory' && item.subfolder === this.file.subfolder));
      if (page >= answer.total_pages) break;
    }
    if (mine !== this.#reloads) return;
    if (!this.#listed) {
      const place = found.findIndex((item) => item.filename === this.file.filename);
      if (place < 0) return; // such as a hidden one: it has no neighbours
      this.place = place;
      this.#listed = true;
    }
    this.items = found;
  }
}
