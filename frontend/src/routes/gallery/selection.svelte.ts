import { itemKey, type GalleryItem } from '$lib/gallery/items';
import { MOST_ITEMS, type Sequence } from './sequence.svelte';

/** Names a file for the server. */
export interface Place {
  filename: string;
  subfolder: string;
  root?: string;
}

export function placeOf(item: GalleryItem): Place {
  return { filename: item.filename, subfolder: item.subfolder, ...(item.root ? { root: item.root } : {}) };
}

/** More files than can be named one by one. */
export class TooMany extends Error {}

/** Which files of a listing are chosen: some, or all that are in it. */
export class Selection {
  /** Everything that the listing has, and will have. */
  all = $state(false);
  #items = $state.raw<ReadonlyMap<string, GalleryItem>>(new Map());
  #from = 0;

  constructor(readonly sequence: Sequence) {}

  readonly count = $derived.by(() => (this.all ? this.sequence.total : this.#items.size));
  readonly active = $derived.by(() => this.all || this.#items.size > 0);

  get items(): GalleryItem[] {
    return [...this.#items.values()];
  }

  has(item: GalleryItem): boolean {
    return this.all || this.#items.has(itemKey(item));
  }

  /** The only file that is chosen, null where there are none or several. */
  get single(): GalleryItem | null {
    return !this.all && this.#items.size === 1 ? (this.items[0] ?? null) : null;
  }

  clear(): void {
    this.all = false;
    this.#items = new Map();
  }

  chooseAll(): void {
    this.#items = new Map();
    this.all = this.sequence.total > 0;
  }

  /** Choose a file or leave it out. Throws `TooMany` and `ApiError` where all were chosen. */
  async toggle(item: GalleryItem, index: number): Promise<void> {
    await this.#spell();
    const next = new Map(this.#items);
    if (!next.delete(itemKey(item))) next.set(itemKey(item), item);
    this.#items = next;
    this.#from = index;
  }

  /** Choose everything from the file that was chosen last to this one. Throws `ApiError`. */
  async extend(index: number): Promise<void> {
    await this.stretch(this.#from, index);
  }

  /** Choose all files of a stretch, or none of them where all are chosen. Throws `ApiError`. */
  async flip(from: number, to: number): Promise<void> {
    await this.#spell();
    const items = await this.sequence.range(from, to);
    if (!items.every((item) => this.has(item))) {
      this.#add(items);
      return;
    }
    const next = new Map(this.#items);
    for (const item of items) next.delete(itemKey(item));
    this.#items = next;
  }

  async stretch(from: number, to: number): Promise<void> {
    if (!this.all) this.#add(await this.sequence.range(from, to));
  }

  #add(items: readonly GalleryItem[]): void {
    const next = new Map(this.#items);
    for (const item of items) next.set(itemKey(item), item);
    this.#items = next;
  }

  /** The chosen files one by one. Throws `TooMany` and `ApiError`. */
  async spelled(): Promise<GalleryItem[]> {
    await this.#spell();
    return this.items;
  }

  async #spell(): Promise<void> {
    if (!this.all) return;
    if (this.sequence.total > MOST_ITEMS) throw new TooMany();
    const items = await this.sequence.range(0, this.sequence.total - 1);
    this.all = false;
    this.#add(items);
  }

  /** Know the chosen files as the listing does now. */
  renew(): void {
    const known = this.sequence.known(new Set(this.#items.keys()));
    this.#items = new Map([...this.#items].map(([key, item]) => [key, known.get(key) ?? item]));
  }
}
