import { written } from '$lib/composer/suggest';
import { readJson, writeJson } from '$lib/state/local';

const KEY = 'library.basket';
const MOST = 500;

/** `names` with the one at a place at another place. */
export function reordered(names: readonly string[], from: number, to: number): string[] {
  const next = [...names];
  next.splice(Math.max(0, Math.min(names.length - 1, to)), 0, ...next.splice(from, 1));
  return next;
}

/** Tags as a prompt has them. */
export const promptOf = (tags: readonly string[], spaces: boolean): string =>
  tags.map((tag) => written(tag, spaces)).join(', ');

/** Tags collected on this device, in the order in which they are to stand. */
class Basket {
  tags = $state.raw<readonly string[]>([]);
  /** Written with spaces between words, not `_`. */
  spaces = $state(true);

  constructor() {
    const { tags, spaces } = (readJson(KEY) ?? {}) as { tags?: unknown; spaces?: unknown };
    if (Array.isArray(tags)) this.tags = [...new Set(tags.filter((tag) => typeof tag === 'string'))];
    this.spaces = spaces !== false;
  }

  get text(): string {
    return promptOf(this.tags, this.spaces);
  }

  has(tag: string): boolean {
    return this.tags.includes(tag);
  }

  toggle(tag: string): void {
    this.set(this.has(tag) ? this.tags.filter((other) => other !== tag) : [...this.tags, tag].slice(-MOST));
  }

  set(tags: readonly string[]): void {
    this.tags = tags;
    this.#keep();
  }

  move(from: number, to: number): void {
    this.set(reordered(this.tags, from, to));
  }

  write(spaces: boolean): void {
    this.spaces = spaces;
    this.#keep();
  }

  #keep(): void {
    writeJson(KEY, { tags: this.tags, spaces: this.spaces });
  }
}

export const basket = new Basket();
