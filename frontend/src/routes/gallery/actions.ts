import { ApiError, get, post } from '$lib/api/client';
import { itemKey, type GalleryItem } from '$lib/gallery/items';
import { toasts } from '$lib/state/toasts.svelte';
import { searchText, type View } from './query';
import { placeOf, TooMany, type Place } from './selection.svelte';
import { texts } from './texts';
import type { Sequence } from './sequence.svelte';

/** Which files the server is to do something with: some, or all that a search finds. */
export type Chosen = { items: Place[] } | { select: Select };

interface Select {
  q: string;
  subfolder: string;
  recursive: boolean;
  show_hidden: boolean;
  kind: View['kind'];
  root?: string;
}

/** All files of a view. */
export function selectOf(view: View): Select {
  return {
    q: searchText(view),
    subfolder: view.folder,
    recursive: true,
    show_hidden: view.hidden,
    kind: view.kind,
    ...(view.root ? { root: view.root } : {}),
  };
}

export const keysOf = (items: readonly GalleryItem[]): Set<string> => new Set(items.map(itemKey));

/** Tell what went wrong. Throws what is none of the server's errors. */
export function complain(error: unknown): void {
  if (error instanceof TooMany) toasts.show('error', texts().tooMany);
  else if (error instanceof ApiError) toasts.show('error', error.offline ? texts().offline : error.message);
  else throw error;
}

/** Do something, and tell of it when it fails: whether it was done. */
export async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

/** Say what was done, with the way to take it back. */
export function tell(text: string, token: string | null, sequence: Sequence): void {
  const undo = async () => {
    await post('/cozygen/api/undo', { body: { token: token ?? '' } });
    sequence.refresh();
  };
  toasts.show('success', text, token === null ? undefined : { label: texts().undo, run: () => void attempt(undo) });
}

export interface Marks {
  favorite?: boolean;
  rating?: number;
  hidden?: boolean;
  add_tags?: string[];
  remove_tags?: string[];
}

/** Note something of files. Throws `ApiError`. */
export async function mark(
  sequence: Sequence,
  chosen: Chosen,
  keys: ReadonlySet<string> | null,
  set: Marks,
  say: (count: number) => string,
): Promise<void> {
  const { count, undo } = await post('/cozygen/api/gallery/marks', { body: { ...chosen, set } });
  sequence.update(keys, (item) => noted(item, set));
  tell(say(count), undo, sequence);
}

function noted(item: GalleryItem, set: Marks): GalleryItem {
  const tags = new Set(item.tags ?? []);
  set.add_tags?.forEach((tag) => tags.add(tag));
  set.remove_tags?.forEach((tag) => tags.delete(tag));
  return {
    ...item,
    favorite: (set.favorite ?? item.favorite) || null,
    rating: (set.rating ?? item.rating) || null,
    hidden: (set.hidden ?? item.hidden) || null,
    tags: tags.size > 0 ? [...tags] : null,
  };
}

const AT_ONCE = 10_000;

/** Move files to the trash. Throws `ApiError`. */
export async function trash(sequence: Sequence, chosen: Chosen): Promise<ReadonlySet<string>> {
  const { trashed, count, errors } = await post('/cozygen/api/gallery/trash', { body: chosen });
  const keys = new Set(trashed.map(itemKey));
  sequence.remove(keys);
  const undo = async () => {
    const byRoot = new Map<string, string[]>();
    for (const { trash_id, root } of trashed) byRoot.set(root ?? '', [...(byRoot.get(root ?? '') ?? []), trash_id]);
    for (const [root, ids] of byRoot) {
      for (let start = 0; start < ids.length; start += AT_ONCE) {
        const body = { ids: ids.slice(start, start + AT_ONCE), ...(root ? { root } : {}) };
        await post('/cozygen/api/trash/restore', { body });
      }
    }
    sequence.refresh();
  };
  if (errors?.length) toasts.show('error', texts().notDeleted(errors.length, errors[0] ?? ''));
  toasts.show('success', texts().deleted(count), { label: texts().undo, run: () => void attempt(undo) });
  return keys;
}

/** Have the browser save something. */
function fetchFile(url: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = '';
  link.click();
}

/** Download one file as it is, or several as a ZIP, with what they say of how they were made or without. Throws `ApiError`. */
export async function download(chosen: Chosen, single: GalleryItem | null, metadata: 'keep' | 'strip'): Promise<void> {
  if (single) {
    const query = new URLSearchParams({ ...placeOf(single), metadata });
    fetchFile(`/cozygen/api/gallery/export?${query.toString()}`);
    return;
  }
  const { url } = await post('/cozygen/api/gallery/download', { body: { ...chosen, metadata } });
  fetchFile(url);
}

/** The names of the folders in a folder, all of them. Throws `ApiError`. */
export async function foldersIn(subfolder: string, root: string, signal?: AbortSignal): Promise<GalleryItem[]> {
  const found: GalleryItem[] = [];
  for (let page = 1; ; page++) {
    const answer = await get('/cozygen/api/gallery', {
      query: { subfolder, page, per_page: 200, ...(root ? { root } : {}) },
      ...(signal ? { signal } : {}),
    });
    const folders = answer.items.filter((item) => item.type === 'directory');
    found.push(...folders);
    if (folders.length < 200) return found;
  }
}
