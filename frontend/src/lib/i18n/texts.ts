import { i18n, type Language } from './index.svelte';

/**
 * The texts of one page, which load with it: an object for each language, all of the same shape. What it returns gives
 * those in the language in force; reading it in a component follows a switch.
 */
export function texts<T extends object>(languages: Record<Language, T>): () => T {
  return () => languages[i18n.language];
}
