import { ApiError, get, post } from '$lib/api/client';
import { queryClient } from '$lib/api/queries';
import { toasts } from '$lib/state/toasts.svelte';
import { createQuery } from '@tanstack/svelte-query';
import { inverse, type Change } from './document';
import { words } from './texts';

const KEY = ['aliases'];

export const aliasesQuery = () =>
  createQuery(() => ({
    queryKey: KEY,
    queryFn: ({ signal }): Promise<unknown> => get('/cozygen/api/aliases', { signal }),
    staleTime: 0,
  }));

/** Somebody changed the aliases: ask for them anew. */
export const refreshAliases = () => queryClient.invalidateQueries({ queryKey: KEY });

/** Changes that are under way: one after the other, so that an undo finds what it takes back. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Make changes, all of them or none, and say so with a way back. False when they were not made: then the user has been
 * told why, and where another device was first, the aliases are asked for anew. Text is lost in no case.
 */
export function change(changes: readonly Change[], told: string, undo = true): Promise<boolean> {
  const mine = last.catch(() => undefined).then(() => send(changes, told, undo));
  last = mine;
  return mine;
}

async function send(changes: readonly Change[], told: string, undo: boolean): Promise<boolean> {
  if (changes.length === 0) return true;
  try {
    const document: unknown = await post('/cozygen/api/aliases/changes', { body: { changes: [...changes] } });
    // An answer to an earlier question may still be on its way.
    await queryClient.cancelQueries({ queryKey: KEY });
    queryClient.setQueryData(KEY, document);
    toasts.show(
      'success',
      told,
      undo ? { label: words().undo, run: () => void change(inverse(changes), words().undone, false) } : undefined,
    );
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 409) {
      await refreshAliases();
      toasts.show('error', words().conflict.toast);
    } else toasts.show('error', words().notSaved(error.message));
    return false;
  }
}
