import { readJson, writeJson } from '$lib/state/local';
import { withMore } from '$lib/prompts/elements';
import { SvelteMap } from 'svelte/reactivity';
import type { Alias } from './document';

/** An alias as it is being edited, and what it was when that began (null: it is new). */
export interface AliasDraft extends Alias {
  name: string;
  base: Alias | null;
}

const KEY = 'library.drafts';
/** Where the alias is kept that has no name yet. */
export const NEW = '';

const isText = (value: unknown): value is string => typeof value === 'string';

function aliasOf(stored: unknown): Alias | null {
  const { text, category } = (stored ?? {}) as Record<string, unknown>;
  return isText(text) && isText(category) ? { text, category } : null;
}

function read(): [string, AliasDraft][] {
  const stored = readJson(KEY);
  if (typeof stored !== 'object' || stored === null) return [];
  return Object.entries(stored as Record<string, Record<string, unknown> | null>).flatMap(([key, value]) => {
    const alias = aliasOf(value);
    return alias && isText(value?.name)
      ? [[key, { ...alias, name: value.name, base: aliasOf(value.base) }] as [string, AliasDraft]]
      : [];
  });
}

/** What was typed into aliases and not saved yet: it outlives leaving the page, and a reload. */
class AliasDrafts {
  #drafts = new SvelteMap<string, AliasDraft>(read());

  get(key: string): AliasDraft | undefined {
    return this.#drafts.get(key);
  }

  set(key: string, draft: AliasDraft): void {
    this.#drafts.set(key, draft);
    this.#keep();
  }

  forget(key: string): void {
    if (this.#drafts.delete(key)) this.#keep();
  }

  /** Begin a new alias with a text; behind that of one that was begun before. */
  begin(text: string): void {
    const draft = this.#drafts.get(NEW) ?? { name: '', text: '', category: '', base: null };
    this.set(NEW, { ...draft, text: draft.text ? withMore(draft.text, text) : text });
  }

  #keep(): void {
    writeJson(KEY, Object.fromEntries(this.#drafts));
  }
}

export const aliasDrafts = new AliasDrafts();
