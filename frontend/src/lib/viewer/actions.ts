import { address, ApiError, get, post } from '$lib/api/client';
import { queryClient } from '$lib/api/queries';
import type { Job, Workflow } from '$lib/api/types';
import { itemKind, itemUrl, viewSegments, type GalleryItem } from '$lib/gallery/items';
import { resultValue } from '$lib/images';
import { studio } from '$lib/live/studio.svelte';
import { emptyDraft, localDrafts } from '$lib/state/drafts';
import { handOver } from '$lib/state/handover';
import { router } from '$lib/state/router.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import { fileOf, mark, refreshNotes, type Marks } from './api';
import { copyText } from './clipboard';
import { viewerTexts as t } from './texts';

const INPUT = 'input';
const OUTPUT = 'output';

function complain(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
  toasts.show('error', error.offline ? t().offline : t().failed(error.message));
}

/** Do something that the server may refuse; false when it did, which is told. */
export async function attempt(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}

export async function copy(text: string): Promise<void> {
  if (await copyText(text)) toasts.show('success', t().copied);
  else toasts.show('error', t().copyFailed);
}

/** Note something of a file. */
export const note = (item: GalleryItem, set: Marks) => attempt(() => mark(item, set));

/** Move a file to the trash, with a way back; whether it is there. */
export async function remove(item: GalleryItem): Promise<boolean> {
  const { root, filename, subfolder } = fileOf(item);
  return attempt(async () => {
    const { trash_id: id } = await post('/cozygen/api/gallery/delete', { body: { root, filename, subfolder } });
    const undo = () => void attempt(() => restore(root, id, filename));
    toasts.show('success', t().deleted(filename), { label: t().undo, run: undo });
  });
}

async function restore(root: string, id: string, filename: string): Promise<void> {
  await post('/cozygen/api/trash/restore', { body: { root, ids: [id] } });
  toasts.show('success', t().restored(filename));
}

/** Where a file is downloaded from. */
export function downloadUrl(item: GalleryItem, metadata: 'keep' | 'strip'): string {
  return address('/cozygen/api/gallery/export', {}, { ...fileOf(item), metadata });
}

/** Whether the system's share sheet can be opened. */
export const canShare = () => typeof navigator.share === 'function' && typeof navigator.canShare === 'function';

/** Hand the file itself to the system's share sheet. */
export async function share(item: GalleryItem): Promise<void> {
  try {
    const blob = await (await fetch(itemUrl(item))).blob();
    const file = new File([blob], item.filename, { type: blob.type });
    if (!navigator.canShare({ files: [file] })) throw new Error('not shareable');
    await navigator.share({ files: [file] });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return; // the user thought better of it
    toasts.show('error', t().shareFailed);
  }
}

/** Show the file among those of its folder. */
export function showInFolder(item: GalleryItem): void {
  router.go(['gallery'], { folder: item.subfolder, ...(item.root ? { root: item.root } : {}) });
}

/** Open the file's workflow in Create with the values that made it. */
export function remix(item: GalleryItem): Promise<boolean> {
  return attempt(async () => {
    const { workflow, stored, values, random, bypass } = await post('/cozygen/api/gallery/recipe/open', {
      body: fileOf(item),
    });
    if (stored) {
      await queryClient.invalidateQueries({ queryKey: ['workflows'] });
      toasts.show('info', t().opened(workflow));
    }
    handOver(workflow, { values, random, bypass });
    router.go(['create', workflow]);
  });
}

/** Make the file again, with some values changed. */
export function renderAgain(
  item: GalleryItem,
  seed: 'same' | 'new',
  values: Record<string, unknown> = {},
): Promise<boolean> {
  return attempt(async () => {
    const { jobs } = await post('/cozygen/api/gallery/recipe/render', { body: { ...fileOf(item), seed, values } });
    toasts.show('success', t().queued);
    jobs.forEach(announce);
  });
}

/** Tell when a render has ended, with a way to what it made. */
function announce({ id, title }: Job): void {
  const stop = studio.onFinished((job) => {
    if (job.id !== id) return;
    stop();
    const made = job.outputs.find((output) => output.type === OUTPUT && output.media_kind);
    if (job.status === 'failed') toasts.show('error', t().renderFailed(title));
    else if (job.status === 'done') {
      const action = made && { label: t().show, run: () => router.go(viewSegments(made)) };
      toasts.show('success', t().ready(title), action);
    }
  });
}

/** Whether a file can be what a render starts from. */
export function isInput(item: GalleryItem): boolean {
  return itemKind(item) === 'image' && [OUTPUT, INPUT].includes(fileOf(item).root);
}

/** The workflows that start from a picture. */
export async function startingWorkflows(): Promise<Workflow[]> {
  const { items } = await get('/cozygen/api/workflows');
  return items.filter((workflow) => !workflow.error && workflow.mode?.startsWith('image'));
}

/** Open a workflow in Create with the file as its picture. */
export function useAsInput(item: GalleryItem, workflow: string): Promise<boolean> {
  return attempt(async () => {
    const form = await get('/cozygen/api/workflows/{name}/form', { path: { name: workflow } });
    const field = form.fields.find(({ type }) => type === 'image');
    const draft = localDrafts.load(workflow) ?? emptyDraft();
    if (field) draft.values = { ...draft.values, [field.key]: inputValue(item) };
    handOver(workflow, draft);
    router.go(['create', workflow]);
  });
}

function inputValue(item: GalleryItem): string {
  const { root, subfolder, filename } = fileOf(item);
  if (root === OUTPUT) return resultValue(subfolder, filename);
  return subfolder ? `${subfolder}/${filename}` : filename;
}

/** Put a file into an album, or take it out. */
export function inAlbum(item: GalleryItem, id: number, joins: boolean): Promise<boolean> {
  return attempt(async () => {
    const { root, ...place } = fileOf(item);
    const path = joins ? '/cozygen/api/albums/{id}/add' : '/cozygen/api/albums/{id}/remove';
    await post(path, { path: { id: String(id) }, body: { root, items: [place] } });
    await Promise.all([refreshNotes(item), queryClient.invalidateQueries({ queryKey: ['albums'] })]);
  });
}

/** Make an album of the file. */
export function newAlbum(item: GalleryItem, name: string): Promise<boolean> {
  return attempt(async () => {
    const { root, ...place } = fileOf(item);
    await post('/cozygen/api/albums', { body: { root, name, items: [place] } });
    await Promise.all([refreshNotes(item), queryClient.invalidateQueries({ queryKey: ['albums'] })]);
  });
}
