import { address, exchange, post, remove } from '$lib/api/client';
import { keys, queryClient } from '$lib/api/queries';
import type { Mode, Workflow } from '$lib/api/types';
import { toasts } from '$lib/state/toasts.svelte';
import { forgetForm } from '../forms.svelte';
import { recents } from '../recents.svelte';
import { userDrafts } from '../state/drafts.svelte';
import { tabs } from '../state/tabs.svelte';
import { words } from './texts';

const reason = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function reload(): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: keys.workflows });
  await queryClient.invalidateQueries({ queryKey: ['form'] });
}

/** Say what a workflow is made for; null leaves it to the workflow. */
export async function setMode(workflow: string, mode: Mode | null): Promise<void> {
  try {
    await post('/cozygen/api/workflow_types', { body: { workflow, mode: mode ?? '' } });
    await reload();
  } catch (error) {
    toasts.show('error', words().typeFailed(reason(error)));
  }
}

/** The name of a file for what somebody typed. */
export function fileName(typed: string): string {
  const name = typed.trim();
  return name.toLowerCase().endsWith('.json') ? name : `${name}.json`;
}

/** Give a workflow another name, and with it its draft, its tab and its place among the recent ones. Throws `ApiError`. */
export async function rename(old: string, typed: string): Promise<string> {
  const { name } = await post('/cozygen/api/workflows/{name}/rename', {
    path: { name: old },
    body: { to: fileName(typed) },
  });
  if (name !== old) {
    userDrafts.rename(old, name);
    forgetForm(old);
    recents.rename(old, name);
    tabs.rename(old, name);
    await reload();
    toasts.show('success', words().renamed(name));
  }
  return name;
}

/** Put a workflow into the trash; `undone` runs when it was brought back. Whether it worked. */
export async function discard({ name, title }: Workflow, undone: () => void): Promise<boolean> {
  try {
    // As text: the numbers in it may be larger than JavaScript's.
    const kept = await exchange(address('/cozygen/workflows/{filename}', { filename: name }), {});
    await remove('/cozygen/api/workflows/{name}', { path: { name } });
    await reload();
    const run = () => void restore(name, kept).then((worked) => worked && undone());
    toasts.show('info', words().removed(title), { label: words().undo, run });
    return true;
  } catch (error) {
    toasts.show('error', words().removeFailed(reason(error)));
    return false;
  }
}

async function restore(name: string, kept: string): Promise<boolean> {
  try {
    await exchange(address('/cozygen/api/workflows/{name}', { name }), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: `{"workflow":${kept}}`,
    });
    await reload();
    return true;
  } catch (error) {
    toasts.show('error', words().restoreFailed(reason(error)));
    return false;
  }
}
