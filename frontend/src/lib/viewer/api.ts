import { createQuery } from '@tanstack/svelte-query';
import { ApiError, get, post } from '$lib/api/client';
import { queryClient } from '$lib/api/queries';
import type { components } from '$lib/api/schema';
import { itemKey, type GalleryItem } from '$lib/gallery/items';

type Schemas = components['schemas'];
export type Notes = Schemas['NotesView'];
export type Told = Schemas['PromptView'];
export type Recipe = Schemas['Recipe'];
export type RecipeField = Schemas['RecipeField'];
export type Lineage = Schemas['LineageView'];
export type Marks = Schemas['MarkValues'];

const OUTPUT = 'output';

/** Which file, as the server wants to know it. */
export function fileOf(item: GalleryItem): { filename: string; subfolder: string; root: string } {
  return { filename: item.filename, subfolder: item.subfolder, root: item.root ?? OUTPUT };
}

/** Identifies a file among those of all libraries, and its content. */
const keyOf = (what: string, item: GalleryItem | null) =>
  ['file', what, item ? (item.root ?? OUTPUT) : '', item ? itemKey(item) : '', item?.mtime ?? 0] as const;

function fileQuery<T>(
  what: string,
  item: () => GalleryItem | null,
  load: (item: GalleryItem, signal: AbortSignal) => Promise<T>,
) {
  return createQuery(() => {
    const file = item();
    return {
      queryKey: keyOf(what, file),
      enabled: file !== null,
      queryFn: ({ signal }) => load(file as GalleryItem, signal),
    };
  });
}

async function told(item: GalleryItem, signal?: AbortSignal): Promise<Told | null> {
  try {
    return await get('/cozygen/api/gallery/prompt', { query: fileOf(item), ...(signal ? { signal } : {}) });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

const recipe = (item: GalleryItem, signal?: AbortSignal) =>
  get('/cozygen/api/gallery/recipe', { query: fileOf(item), ...(signal ? { signal } : {}) });

/** What a file says of how it was made; null when it says nothing. */
export const toldQuery = (item: () => GalleryItem | null) => fileQuery('told', item, told);

/** The values that a file was made with. */
export const recipeQuery = (item: () => GalleryItem | null) => fileQuery('recipe', item, recipe);

/** What is noted of a file. */
export const notesQuery = (item: () => GalleryItem | null) =>
  fileQuery('notes', item, (file, signal) => get('/cozygen/api/gallery/marks', { query: fileOf(file), signal }));

/** What a file was made from, and what was made from it. */
export const lineageQuery = (item: () => GalleryItem | null) =>
  fileQuery('lineage', item, (file, signal) =>
    get('/cozygen/api/gallery/lineage', { query: { ...fileOf(file), per_page: 24 }, signal }),
  );

/** All albums. */
export const albumsQuery = () =>
  createQuery(() => ({
    queryKey: ['albums'],
    queryFn: async ({ signal }) => (await get('/cozygen/api/albums', { signal })).albums,
  }));

/** What is known of several files, for a comparison. */
export const aboutQuery = (items: () => readonly GalleryItem[]) =>
  createQuery(() => {
    const files = items();
    return {
      queryKey: ['file', 'about', ...files.map((file) => keyOf('', file))],
      queryFn: () => Promise.all(files.map(async (file) => ({ told: await told(file), recipe: await recipe(file) }))),
    };
  });

/** Note something of a file, shown at once. Throws `ApiError`, and what is shown is as before. */
export async function mark(item: GalleryItem, set: Marks): Promise<void> {
  const key = keyOf('notes', item);
  await queryClient.cancelQueries({ queryKey: key });
  const before = queryClient.getQueryData<Notes>(key);
  if (before) queryClient.setQueryData<Notes>(key, marked(before, set));
  try {
    const { root, ...place } = fileOf(item);
    await post('/cozygen/api/gallery/marks', { body: { root, items: [place], set } });
  } catch (error) {
    queryClient.setQueryData(key, before);
    throw error;
  }
}

function marked(notes: Notes, set: Marks): Notes {
  const tags = [...notes.tags.filter((tag) => !set.remove_tags?.includes(tag)), ...(set.add_tags ?? [])];
  return {
    ...notes,
    favorite: set.favorite ?? notes.favorite,
    rating: set.rating ?? notes.rating,
    hidden: set.hidden ?? notes.hidden,
    tags: [...new Set(tags)],
  };
}

/** Have what is noted of a file asked for anew. */
export const refreshNotes = (item: GalleryItem) => queryClient.invalidateQueries({ queryKey: keyOf('notes', item) });
