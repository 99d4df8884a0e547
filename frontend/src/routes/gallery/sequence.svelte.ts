import { ApiError, get } from '$lib/api/client';
import { itemKey, type GalleryItem, type ItemSequence } from '$lib/gallery/items';
import { groupsOf, type Group } from './layout';
import { searchText, type View } from './query';

export const PAGE = 100;
const AT_ONCE = 3;
const FAR = 6;
const RETRY_MS = 1500;

/** The last files of a listing that are told one by one, such as all that were chosen. */
export const MOST_ITEMS = 10_000;

interface Listed {
  items: readonly GalleryItem[];
  total: number;
  indexing: boolean;
}

interface Overview {
  groups: Group[];
  total: number;
  ratio: number | null;
}

/** Where the files of a listing come from. */
export interface Source {
  /** Whether new files come first. */
  readonly newestFirst: boolean;
  /** How it is laid out before it is known. Throws `ApiError`. */
  overview(signal: AbortSignal): Promise<Overview | null>;
  /** The page from `PAGE * page` on. Throws `ApiError`. */
  page(page: number, signal: AbortSignal): Promise<Listed>;
}

/** What the server finds for a view. */
export function searchSource(view: View): Source {
  const scope = {
    recursive: '1',
    subfolder: view.folder,
    q: searchText(view),
    kind: view.kind,
    ...(view.hidden ? { show_hidden: '1' } : {}),
    ...(view.root ? { root: view.root } : {}),
  };
  return {
    newestFirst: view.sort === 'newest',
    overview: async (signal) => {
      const timeline = await get('/cozygen/api/gallery/timeline', { query: scope, signal });
      return { groups: groupsOf(timeline, view.sort), total: timeline.total, ratio: timeline.ratio };
    },
    page: async (page, signal) => {
      const query = { ...scope, sort: view.sort, page: page + 1, per_page: PAGE };
      const answer = await get('/cozygen/api/gallery', { query, signal });
      return { items: answer.items, total: answer.total_items, indexing: answer.indexing };
    },
  };
}

/** The files of an album, in its order. */
export function albumSource(id: number): Source {
  return {
    newestFirst: false,
    overview: () => Promise.resolve(null),
    page: async (page, signal) => {
      const query = { page: page + 1, per_page: PAGE };
      const answer = await get('/cozygen/api/albums/{id}/items', { path: { id: String(id) }, query, signal });
      return { items: answer.items, total: answer.total_items, indexing: false };
    },
  };
}

type Known = GalleryItem | undefined;

/** A listing that is loaded page by page, where somebody looks, and that follows what happens to its files. */
export class Sequence implements ItemSequence {
  total = $state(0);
  groups = $state.raw<readonly Group[]>([]);
  ratio = $state.raw<number | null>(null);
  /** The first answer has come. */
  ready = $state(false);
  failure = $state.raw<ApiError | null>(null);
  indexing = $state(false);
  /** How many files came first since somebody looked at the first ones. */
  arrivals = $state(0);
  /** Counts the changes of what is known. */
  version = $state(0);

  #items: Known[] = [];
  #loaded = new Set<number>();
  #loading = new Map<number, AbortController>();
  #wanted: readonly number[] = [];
  #learned = new Map<string, number>();
  #closed = new AbortController();
  #refreshing = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #epoch = 0;

  constructor(readonly source: Source) {}

  /** Ask for what is needed first. */
  async open(): Promise<void> {
    this.failure = null;
    try {
      const [overview, first] = await Promise.all([
        this.source.overview(this.#closed.signal),
        this.source.page(0, this.#closed.signal),
      ]);
      this.#takeOverview(overview, first);
      this.#take(0, first);
      this.ready = true;
      this.#fill();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Stop all that is under way. */
  close(): void {
    clearTimeout(this.#timer);
    this.#closed.abort();
    for (const controller of this.#loading.values()) controller.abort();
  }

  /** The file at a place, null while it is not loaded. Reactive. */
  at(index: number): GalleryItem | null {
    void this.version;
    return this.#items[index] ?? null;
  }

  /** Have what is around a place loaded. */
  want(index: number): void {
    this.show(Math.max(0, index - PAGE / 2), Math.min(this.total - 1, index + PAGE / 2));
  }

  /** Somebody looks at these places: load them first, then what is around. */
  show(first: number, last: number, direction: -1 | 0 | 1 = 0): void {
    const from = Math.floor(Math.max(0, first) / PAGE);
    const to = Math.floor(Math.max(0, last) / PAGE);
    const pages: number[] = [];
    for (let page = from; page <= to; page++) pages.push(page);
    const ahead = direction < 0 ? [from - 1, from - 2, to + 1] : [to + 1, to + 2, from - 1];
    this.#wanted = [...pages, ...ahead].filter((page) => page >= 0 && page * PAGE < Math.max(1, this.total));
    for (const [page, controller] of this.#loading) {
      if (page < from - FAR || page > to + FAR) controller.abort();
    }
    this.#fill();
  }

  /** Width by height of a file; null where it is not known. */
  ratioAt(index: number): number | null {
    const item = this.#items[index];
    if (!item) return null;
    if (item.width && item.height) return Math.min(5, Math.max(0.2, item.width / item.height));
    return this.#learned.get(itemKey(item)) ?? (item.media_kind === 'audio' ? 1.6 : 1);
  }

  /** Whether every file of a stretch is loaded. */
  knows(start: number, count: number): boolean {
    for (let index = start; index < start + count; index++) if (!this.#items[index]) return false;
    return true;
  }

  /** A picture has been seen whose size nobody has read yet. */
  learn(item: GalleryItem, ratio: number): void {
    if ((item.width && item.height) || !(ratio > 0)) return;
    this.#learned.set(itemKey(item), Math.min(5, Math.max(0.2, ratio)));
    this.version += 1;
  }

  /** Where a file is among those that are loaded, looked for around `near` first; -1 where it is not. */
  indexOf(key: string, near = 0): number {
    const is = (index: number) => {
      const item = this.#items[index];
      return item !== undefined && itemKey(item) === key;
    };
    for (let away = 0; away < 2 * PAGE; away++) {
      if (is(near + away)) return near + away;
      if (is(near - away)) return near - away;
    }
    return this.#items.findIndex((item) => item !== undefined && itemKey(item) === key);
  }

  /** All files of a stretch, loaded where they are not. Throws `ApiError`. */
  async range(from: number, to: number): Promise<GalleryItem[]> {
    const [first, last] = [Math.max(0, Math.min(from, to)), Math.min(this.total - 1, Math.max(from, to))];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) {
      const begin = page * PAGE;
      if (this.knows(Math.max(first, begin), Math.min(last + 1, begin + PAGE) - Math.max(first, begin))) continue;
      this.#take(page, await this.source.page(page, this.#closed.signal));
    }
    return this.#items.slice(first, last + 1).filter((item) => item !== undefined);
  }

  /** Something has changed in the gallery: ask what, and show it without moving what is seen. */
  refresh(): void {
    if (this.#closed.signal.aborted) return;
    if (!this.ready) {
      if (this.failure) void this.open();
      return;
    }
    if (this.#refreshing) {
      this.#again = true;
      return;
    }
    void this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.#refreshing = true;
    const epoch = this.#epoch;
    try {
      const [overview, first] = await Promise.all([
        this.source.overview(this.#closed.signal),
        this.source.page(0, this.#closed.signal),
      ]);
      if (epoch === this.#epoch) this.#align(overview, first);
      else this.#again = true;
    } catch {
      // The connection banner says that the server is away; the next change asks again.
    } finally {
      this.#refreshing = false;
      if (this.#again) {
        this.#again = false;
        this.#later();
      }
    }
  }

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), RETRY_MS / 3);
  }

  /** Take a new picture of the listing in; what is loaded stays until it has been asked for again. */
  #align(overview: Overview | null, first: Listed): void {
    const before = this.#items[0];
    const key = before && itemKey(before);
    const shift = key === undefined ? 0 : first.items.findIndex((item) => itemKey(item) === key);
    if (shift > 0) {
      this.#items = [...new Array<Known>(shift).fill(undefined), ...this.#items];
      if (this.source.newestFirst) this.arrivals += shift;
    }
    this.#items.length = Math.min(this.#items.length, first.total);
    this.#loaded.clear();
    for (const controller of this.#loading.values()) controller.abort();
    this.#takeOverview(overview, first);
    this.#take(0, first);
    this.#fill();
  }

  #takeOverview(overview: Overview | null, first: Listed): void {
    this.total = overview?.total ?? first.total;
    this.indexing = first.indexing;
    this.ratio = overview?.ratio ?? meanRatio(first.items);
    this.groups = overview?.groups ?? groupsOf({ unit: 'day', periods: [], total: this.total, ratio: this.ratio }, '');
  }

  #take(page: number, listed: Listed): void {
    const start = page * PAGE;
    listed.items.forEach((item, place) => {
      const before = this.#items[start + place];
      // The same object where nothing has changed, so that nothing is drawn again.
      if (!before || !same(before, item)) this.#items[start + place] = item;
    });
    this.#loaded.add(page);
    this.version += 1;
  }

  #fill(): void {
    for (const page of this.#wanted) {
      if (this.#loading.size >= AT_ONCE) return;
      if (!this.#loaded.has(page) && !this.#loading.has(page)) void this.#load(page);
    }
  }

  async #load(page: number): Promise<void> {
    const controller = new AbortController();
    this.#loading.set(page, controller);
    const epoch = this.#epoch;
    try {
      const signal = AbortSignal.any([controller.signal, this.#closed.signal]);
      const listed = await this.source.page(page, signal);
      if (epoch !== this.#epoch) return;
      this.#take(page, listed);
      if (listed.total !== this.total) this.#later();
    } catch (error) {
      if (error instanceof ApiError && !this.#closed.signal.aborted) setTimeout(() => this.#fill(), RETRY_MS);
      else if (controller.signal.aborted) setTimeout(() => this.#fill());
      return;
    } finally {
      this.#loading.delete(page);
    }
    this.#fill();
  }

  #failed(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    this.failure = error;
  }

  /** These files are no longer in the listing. */
  remove(keys: ReadonlySet<string>): void {
    const kept: Known[] = [];
    const gone: number[] = [];
    for (let index = 0; index < this.#items.length; index++) {
      const item = this.#items[index];
      if (item && keys.has(itemKey(item))) gone.push(index);
      else kept.push(item);
    }
    if (gone.length === 0) return;
    this.#epoch += 1;
    this.#items = kept;
    this.#loaded = new Set([...this.#loaded].filter((page) => (page + 1) * PAGE <= (gone[0] ?? 0)));
    this.total -= gone.length;
    let start = 0;
    this.groups = this.groups
      .map((group) => {
        const end = group.start + group.count;
        return { ...group, count: group.count - gone.filter((index) => index >= group.start && index < end).length };
      })
      .filter((group) => group.count > 0)
      .map((group) => {
        const moved = { ...group, start };
        start += group.count;
        return moved;
      });
    this.version += 1;
  }

  /** Those of some files that are loaded, by their keys. */
  known(keys: ReadonlySet<string>): Map<string, GalleryItem> {
    const found = new Map<string, GalleryItem>();
    for (const item of this.#items) {
      const key = item && itemKey(item);
      if (item && key !== undefined && keys.has(key)) found.set(key, item);
    }
    return found;
  }

  /** Something is known of files before the server tells. */
  update(keys: ReadonlySet<string> | null, change: (item: GalleryItem) => GalleryItem): void {
    this.#items.forEach((item, index) => {
      if (item && (keys === null || keys.has(itemKey(item)))) this.#items[index] = change(item);
    });
    this.version += 1;
  }
}

function meanRatio(items: readonly GalleryItem[]): number | null {
  const ratios = items.flatMap(({ width, height }) => (width && height ? [width / height] : []));
  return ratios.length ? ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length : null;
}

function same(a: GalleryItem, b: GalleryItem): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
