import type { Component } from 'svelte';

/** A page gets the segments of its address after its own name. */
export type Page = Component<{ rest: readonly string[] }>;

/** The pages by the first segment of their address, each loaded when it is visited. The server knows the same names. */
const PAGES: Record<string, () => Promise<{ default: Page }>> = {
  create: () => import('../../routes/create/CreatePage.svelte'),
};

const HOME = 'create';

/** The page at an address, null where there is none. */
export async function loadPage(name: string | undefined): Promise<Page | null> {
  const load = PAGES[name ?? HOME];
  return load ? (await load()).default : null;
}
