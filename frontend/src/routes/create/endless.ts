import type { FormField, JobRequest } from '$lib/api/types';

const WILDCARDS = /\{[^{}]*\||\$\$|__[A-Za-z0-9_./*-]+?__/;
const ALIAS = /\$([a-z0-9_:-]+)\$|([a-z0-9_-]+::[a-z0-9_:-]+)/gi;
const DEEPEST = 10;

/** Whether a prompt is made anew for every render: by choices in it, or in the aliases that it uses. */
export function isDrawn(text: string, aliases: Readonly<Record<string, string>> = {}): boolean {
  const byName = new Map<string, string[]>();
  for (const [name, alias] of Object.entries(aliases)) {
    const full = name.toLowerCase();
    const short = full.split('::').at(-1) ?? full;
    for (const key of new Set([full, full.replace('::', ':'), short])) {
      byName.set(key, [...(byName.get(key) ?? []), alias]);
    }
  }
  let found = [text];
  for (let depth = 0; depth <= DEEPEST && found.length > 0; depth++) {
    if (found.some((one) => WILDCARDS.test(one))) return true;
    const names = found.flatMap((one) =>
      [...one.matchAll(ALIAS)].map((match) => (match[1] ?? match[2] ?? '').toLowerCase()),
    );
    found = [...new Set(names)].flatMap((name) => byName.get(name) ?? []);
  }
  return false;
}

/** Whether rendering this again could give something else. */
export function wouldChange(
  request: JobRequest,
  fields: readonly FormField[],
  aliases: Readonly<Record<string, string>>,
): boolean {
  if ((request.randomize ?? []).length > 0) return true;
  const bypassed = new Set(request.bypass);
  return fields.some((field) => {
    const value = request.values?.[field.key] ?? field.default;
    return field.type === 'string' && !bypassed.has(field.key) && typeof value === 'string' && isDrawn(value, aliases);
  });
}
