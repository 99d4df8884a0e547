import { SvelteMap } from 'svelte/reactivity';

/** Workflow -> how many renders of its endless row are done. What makes them loads when the first one begins. */
export const looping = new SvelteMap<string, number>();
