import { get } from '$lib/api/client';
import type { components } from '$lib/api/schema';
import { SvelteMap } from 'svelte/reactivity';

export type FoundTag = components['schemas']['FoundTag'];

export interface TagQuestion {
  q: string;
  category: string;
  sort: 'count' | 'alpha';
}

const PAGE = 100;

/** A list of tags of which only those pages are fetched that somebody looks at. */
export class TagPages {
  /** How many there are; null before the first answer. */
  total = $state<number | null>(null);
  failure = $state.raw<unknown>(null);
  busy = $state(false);
  #question: TagQuestion = { q: '', category: '', sort: 'count' };
  #pages = new SvelteMap<number, readonly FoundTag[]>();
  #asked = new Set<number>();
  #control = new AbortController();

  /** Look for something else. What is shown stays until the answer is there. */
  async show(question: TagQuestion): Promise<void> {
    this.#control.abort();
    const control = new AbortController();
    this.#control = control;
    this.#question = question;
    this.#asked = new Set([0]);
    this.busy = true;
    try {
      const { items, total } = await this.#ask(0, control.signal);
      this.#pages.clear();
      this.#pages.set(0, items);
      this.total = total;
      this.failure = null;
    } catch (error) {
      if (!control.signal.aborted) this.failure = error;
    } finally {
      if (this.#control === control) this.busy = false;
    }
  }

  at(index: number): FoundTag | undefined {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** These are looked at. */
  need(first: number, end: number): void {
    if (this.busy || this.total === null) return;
    for (let page = Math.floor(first / PAGE); page * PAGE < Math.min(end, this.total); page++) {
      if (!this.#asked.has(page)) void this.#fetch(page);
    }
  }

  stop(): void {
    this.#control.abort();
  }

  async #fetch(page: number): Promise<void> {
    const { signal } = this.#control;
    this.#asked.add(page);
    try {
      this.#pages.set(page, (await this.#ask(page, signal)).items);
    } catch (error) {
      if (signal.aborted) return;
      this.#asked.delete(page);
      this.failure = error;
    }
  }

  #ask(page: number, signal: AbortSignal) {
    const { q, category, sort } = this.#question;
    const query = { q, category, sort, limit: String(PAGE), offset: String(page * PAGE) };
    return get('/cozygen/api/tags/search', { query, signal });
  }
}
