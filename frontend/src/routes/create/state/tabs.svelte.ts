import { namesKind } from './merge';
import type { Synced } from './synced';
import { userValues } from './user.svelte';

const KEY = 'create:tabs';
const MOST = 12;

/** `name` among the open ones, behind the one that it was opened from; the oldest give way to too many. */
export function withTab(names: readonly string[], name: string, after: string | null, most = MOST): readonly string[] {
  if (names.includes(name)) return names;
  const place = after === null ? names.length : names.indexOf(after) + 1 || names.length;
  const opened = [...names.slice(0, place), name, ...names.slice(place)];
  const surplus = opened.findIndex((other) => other !== name && other !== after);
  return opened.length > most ? opened.filter((_, index) => index !== surplus) : opened;
}

/** Which tab is shown when `name` is closed: its right neighbour, else its left one. */
export function neighbour(names: readonly string[], name: string): string | null {
  const at = names.indexOf(name);
  return names[at + 1] ?? names[at - 1] ?? null;
}

/** The workflows that are open side by side. */
class Tabs {
  names = $state.raw<readonly string[]>([]);
  #synced: Synced<readonly string[]> | null = null;
  #shown: string | null = null;

  /** Read what was open. Called once the user is known. */
  start(): void {
    this.#synced ??= userValues.open(KEY, namesKind, (names) => (this.names = this.#with(names)));
    this.names = this.#synced.value;
  }

  /** A workflow is shown: it is open. */
  show(name: string): void {
    const after = this.#shown;
    this.#shown = name;
    this.#set(withTab(this.names, name, after));
  }

  /** Close a tab; the one to show instead. */
  close(name: string): string | null {
    const next = neighbour(this.names, name);
    if (this.#shown === name) this.#shown = null;
    this.#set(this.names.filter((other) => other !== name));
    return next;
  }

  rename(old: string, name: string): void {
    if (this.#shown === old) this.#shown = name;
    this.#set([...new Set(this.names.map((other) => (other === old ? name : other)))]);
  }

  /** What another device closed stays open while it is looked at here. */
  #with(names: readonly string[]): readonly string[] {
    return this.#shown === null ? names : withTab(names, this.#shown, null, Infinity);
  }

  #set(names: readonly string[]): void {
    if (names.join('\n') === this.names.join('\n')) return;
    this.names = names;
    this.#synced?.set(names);
  }
}

export const tabs = new Tabs();
