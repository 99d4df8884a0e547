import type { Query } from '$lib/state/router.svelte';
import type { MediaKind } from '$lib/api/types';

export const SORTS = ['newest', 'oldest', 'name', 'size', 'rating', 'duration', 'relevance', 'random'] as const;
export type SortName = (typeof SORTS)[number];

export const KINDS = ['image', 'video', 'audio'] as const satisfies readonly MediaKind[];

/** What the page shows, as its address says it. */
export interface View {
  section: 'all' | 'albums' | 'trash';
  album: number | null;
  /** The library; empty: what was rendered. */
  root: string;
  folder: string;
  q: string;
  /** A name of `SORTS`; `random` with a seed behind a colon. */
  sort: string;
  kind: MediaKind | 'all';
  favorites: boolean;
  hidden: boolean;
  mode: 'grid' | 'feed';
}

/** Read an address; what it does not say, or says wrongly, is as usual. */
export function viewOf(query: Query): View {
  const show = query.show;
  const sort = query.sort ?? '';
  return {
    section: show === 'albums' || show === 'trash' ? show : 'all',
    album: /^\d{1,15}$/.test(query.album ?? '') ? Number(query.album) : null,
    root: query.root ?? '',
    folder: (query.folder ?? '').replace(/^\/+|\/+$/g, ''),
    q: query.q ?? '',
    sort: SORTS.some((name) => name === sortName(sort)) ? sort : 'newest',
    kind: KINDS.find((kind) => kind === query.kind) ?? 'all',
    favorites: query.favorites === '1',
    hidden: query.hidden === '1',
    mode: query.mode === 'feed' ? 'feed' : 'grid',
  };
}

/** The address of a view; what is as usual is left out. */
export function queryOf(view: View): Query {
  return {
    show: view.section === 'all' ? '' : view.section,
    album: view.album === null ? '' : String(view.album),
    root: view.root,
    folder: view.folder,
    q: view.q,
    sort: view.sort === 'newest' ? '' : view.sort,
    kind: view.kind === 'all' ? '' : view.kind,
    favorites: view.favorites ? '1' : '',
    hidden: view.hidden ? '1' : '',
    mode: view.mode === 'grid' ? '' : view.mode,
  };
}

/** `random` of `random:<seed>`. */
export function sortName(sort: string): string {
  return sort.split(':', 1)[0] ?? '';
}

/** Which files a view has, in words that stay the same as long as these do. */
export function listingKey(view: View): string {
  const { section, album, root, folder, q, sort, kind, favorites, hidden } = view;
  return JSON.stringify([section, album, root, folder, q.trim(), sort, kind, favorites, hidden]);
}

/** The search that the server is asked: the text, and the favourites alone if so wished. */
export function searchText(view: Pick<View, 'q' | 'favorites'>): string {
  const text = view.q.trim();
  if (!view.favorites) return text;
  if (!text) return 'is:favorite';
  return /\bOR\b/.test(text) ? `(${text}) is:favorite` : `${text} is:favorite`;
}

/** The parts of a search that stand side by side: words, phrases, `key:"value"`, groups in parentheses. */
export function terms(text: string): string[] {
  const found: string[] = [];
  let term = '';
  let depth = 0;
  let quoted = false;
  for (const character of text) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === '(') depth += 1;
    else if (!quoted && character === ')') depth = Math.max(0, depth - 1);
    if (/\s/.test(character) && !quoted && depth === 0) {
      if (term) found.push(term);
      term = '';
    } else {
      term += character;
    }
  }
  if (term) found.push(term);
  return found;
}

/** A term about one property. What cannot stand between quotation marks becomes "anything". */
export function propertyTerm(key: string, value: string | number): string {
  const text = String(value).replaceAll('"', '*');
  return /[\s()]/.test(text) ? `${key}:"${text}"` : `${key}:${text}`;
}

/** The search with a term more, or without it where it has it. */
export function toggleTerm(text: string, term: string): string {
  const all = terms(text);
  const wanted = term.toLowerCase();
  const without = all.filter((other) => other.toLowerCase() !== wanted);
  return (without.length < all.length ? without : [...all, term]).join(' ');
}

/** Whether the search has a term. */
export function hasTerm(text: string, term: string): boolean {
  const wanted = term.toLowerCase();
  return terms(text).some((other) => other.toLowerCase() === wanted);
}

/** The folders on the way to a folder, with their names: `a/b` is `[['a', 'a'], ['a/b', 'b']]`. */
export function crumbs(folder: string): [path: string, name: string][] {
  const parts = folder.split('/').filter(Boolean);
  return parts.map((name, depth) => [parts.slice(0, depth + 1).join('/'), name]);
}

/** The order of a name; a shuffle is another one each time. */
export function sortFrom(name: string): string {
  return name === 'random' ? `random:${Math.random().toString(36).slice(2, 8)}` : name;
}
