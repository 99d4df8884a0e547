import type { Draft } from '$lib/state/drafts';
import { handOver } from '$lib/state/handover';
import { router } from '$lib/state/router.svelte';
import { userDrafts } from './drafts.svelte';
import { userValues } from './user.svelte';

const LONGEST_MS = 10_000;
const LOOK_MS = 30;

/** Change what a workflow's form has now, and go there, where it can be undone. False when `change` gives null. */
export async function passOn(workflow: string, change: (draft: Draft) => Draft | null): Promise<boolean> {
  const stop = userValues.start();
  try {
    await until(() => userValues.ready);
    userDrafts.prepare(workflow);
    await until(() => userDrafts.isReady(workflow));
    const draft = change(userDrafts.load(workflow));
    if (draft === null) return false;
    handOver(workflow, draft);
  } finally {
    stop();
  }
  router.go(['create', workflow]);
  return true;
}

async function until(ready: () => boolean): Promise<void> {
  const end = Date.now() + LONGEST_MS;
  while (!ready() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
