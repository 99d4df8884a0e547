import { readText } from '../state/local';
import type { IconName } from '../ui/Icon.svelte';
import type { Component } from 'svelte';

/** A page gets the segments of its address after its own name. */
export type Page = Component<{ rest: readonly string[] }> | Component;

/** The pages by the first segment of their address, each loaded when it is visited. The server knows the same names. */
const PAGES: Record<string, () => Promise<{ default: Page }>> = {
  studio: () => import('../../routes/studio/StudioPage.svelte'),
  create: () => import('../../routes/create/CreatePage.svelte'),
  gallery: () => import('../../routes/gallery/GalleryPage.svelte'),
  library: () => import('../../routes/library/LibraryPage.svelte'),
  queue: () => import('../../routes/queue/QueuePage.svelte'),
  settings: () => import('../../routes/settings/SettingsPage.svelte'),
  view: () => import('../../routes/view/ViewPage.svelte'),
};

/** Whether there is a page of this name. */
export const hasPage = (name: string): boolean => name in PAGES;

/** Where the studio opens: where one left off; for who has made nothing on this device yet, ready to begin. */
export const home = (): string => (readText('recent-workflows') === null ? 'create' : 'studio');

/** The pages that the navigation leads to, in its order. */
export const DESTINATIONS = [
  { name: 'studio', icon: 'home' },
  { name: 'create', icon: 'spark' },
  { name: 'gallery', icon: 'image' },
  { name: 'library', icon: 'book' },
] as const satisfies readonly { name: string; icon: IconName }[];

/** The page at an address, null where there is none. */
export async function loadPage(name: string): Promise<Page | null> {
  const load = PAGES[name];
  return load ? (await load()).default : null;
}
