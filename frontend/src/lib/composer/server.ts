import { get, post } from '$lib/api/client';
import { studio } from '$lib/live/studio.svelte';
import { ASKED, TagSource } from './suggest';

/** The server's tag list. Answers are remembered until there is another list. */
export const tags = new TagSource(async (query, signal) => {
  const { items, total } = await get('/cozygen/api/tags/search', { query: { q: query, limit: String(ASKED) }, signal });
  return { items, total };
});

/** Tag -> what may have been meant by it; null for those that are in the list. */
const checked = new Map<string, readonly string[] | null>();

studio.onTags(({ running }) => {
  if (running) return;
  tags.forget();
  checked.clear();
});

/** Check what was not checked yet; what is known of all that ever was. Throws `ApiError`. */
export async function check(
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[] | null>> {
  const missing = wanted.filter((tag) => !checked.has(tag));
  if (missing.length > 0) {
    const { invalid, suggestions } = await post('/cozygen/api/tags/validate', { body: { tags: missing }, signal });
    const unknown = new Set(invalid);
    for (const tag of missing) checked.set(tag, unknown.has(tag) ? (suggestions[tag] ?? []) : null);
  }
  return checked;
}

/** A prompt with its aliases replaced. Throws `ApiError`. */
export async function expand(text: string, signal: AbortSignal): Promise<string> {
  if (!/\$|::/.test(text)) return text;
  return (await post('/cozygen/api/aliases/expand', { body: { text }, signal })).text;
}

/** The document of the aliases. Throws `ApiError`. */
export const aliasDocument = (): Promise<unknown> => get('/cozygen/api/aliases');
