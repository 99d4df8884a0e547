import type { Draft } from './drafts';

const waiting = new Map<string, Draft>();

/**
 * Hand a form's values to the Create page, which takes them when it next opens the workflow: go there with
 * `router.go(['create', workflow])`. Another handover of the same workflow takes the place of one that waits.
 */
export function handOver(workflow: string, draft: Draft): void {
  waiting.set(workflow, structuredClone(draft));
}

/** The values that were handed over for a workflow, once; null when there are none. */
export function takeHandover(workflow: string): Draft | null {
  const draft = waiting.get(workflow) ?? null;
  waiting.delete(workflow);
  return draft;
}
