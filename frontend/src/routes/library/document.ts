/** What an alias stands for. The category is empty for none. */
export interface Alias {
  text: string;
  category: string;
}

export interface Entry extends Alias {
  /** As it is spelled in the document. */
  name: string;
  /** In lower case: names mean the same in any case. */
  key: string;
}

/** What an alias was (null: there was none), and what it is to be (null: gone). */
export interface Change {
  name: string;
  was: Alias | null;
  now: Alias | null;
}

/** How a file comes in: only what is new, also over what there is, or in place of everything. */
export type ImportMode = 'add' | 'merge' | 'replace';

export interface Import {
  changes: Change[];
  /** How many of the file's aliases are here already. */
  same: number;
  /** Names that no prompt could have in it. */
  unusable: string[];
}

const NAME = /^[a-z0-9_:-]{1,200}$/i;
const MOST_CATEGORY = 200;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const keyOf = (name: string): string => name.trim().toLowerCase();

/** Whether a prompt can name an alias so. */
export const isName = (name: string): boolean => NAME.test(name);

/** How an alias is written in a prompt. */
export const marker = (name: string): string => `$${name}$`;

/** The aliases of a document, wrapped or not, by name. Of names that differ in case alone, the last one counts. */
export function entriesOf(document: unknown): Entry[] {
  if (!isRecord(document)) return [];
  const wrapped = isRecord(document.items);
  const items = wrapped ? (document.items as Record<string, unknown>) : document;
  const categories = new Map(
    Object.entries(wrapped && isRecord(document.categories) ? document.categories : {}).flatMap(([name, category]) =>
      typeof category === 'string' ? [[keyOf(name), category] as const] : [],
    ),
  );
  const found = new Map<string, Entry>();
  for (const [name, text] of Object.entries(items)) {
    const key = keyOf(name);
    if (typeof text === 'string') found.set(key, { name, key, text, category: categories.get(key) ?? '' });
  }
  return [...found.values()].sort((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
}

/** Every category that there is, used or not, by name, with how many aliases it has. */
export function categoriesOf(document: unknown, entries: readonly Entry[]): { name: string; count: number }[] {
  const listed = isRecord(document) && isRecord(document.items) ? document.categoryList : null;
  const counts = new Map<string, number>();
  for (const name of Array.isArray(listed) ? listed : []) if (typeof name === 'string' && name) counts.set(name, 0);
  for (const { category } of entries) if (category) counts.set(category, (counts.get(category) ?? 0) + 1);
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((one, other) => one.name.localeCompare(other.name, undefined, { sensitivity: 'base' }));
}

/** The entries that have every word of `query` in their name, text or category; those named so first. */
export function searched(entries: readonly Entry[], query: string, category: string | null): Entry[] {
  const words = query.toLowerCase().replaceAll('$', '').split(/\s+/).filter(Boolean);
  const found = entries.filter((entry) => {
    if (category !== null && entry.category !== category) return false;
    const whole = `${entry.key} ${entry.text} ${entry.category}`.toLowerCase();
    return words.every((word) => whole.includes(word));
  });
  const named = (entry: Entry) => words.every((word) => entry.key.includes(word));
  return words.length === 0 ? found : [...found.filter(named), ...found.filter((entry) => !named(entry))];
}

export const valueOf = ({ text, category }: Alias): Alias => ({ text, category });

export const sameAlias = (one: Alias | null, other: Alias | null): boolean =>
  one === other || (one !== null && other !== null && one.text === other.text && one.category === other.category);

/** What takes changes back. */
export const inverse = (changes: readonly Change[]): Change[] =>
  changes.map(({ name, was, now }) => ({ name, was: now, now: was })).reverse();

export const deleted = (entries: readonly Entry[]): Change[] =>
  entries.map((entry) => ({ name: entry.name, was: valueOf(entry), now: null }));

/** Puts aliases into a category; those that are in it already do not count. */
export const categorised = (entries: readonly Entry[], category: string): Change[] =>
  entries
    .filter((entry) => entry.category !== category)
    .map((entry) => ({ name: entry.name, was: valueOf(entry), now: { text: entry.text, category } }));

/** Replaces a text in the texts of aliases, wherever it stands. */
export function replaced(entries: readonly Entry[], find: string, by: string, exactCase: boolean): Change[] {
  if (find === '') return [];
  const sought = new RegExp(find.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), exactCase ? 'gu' : 'giu');
  return entries.flatMap((entry) => {
    const text = entry.text.replace(sought, () => by);
    return text === entry.text
      ? []
      : [{ name: entry.name, was: valueOf(entry), now: { text, category: entry.category } }];
  });
}

/** Saves an alias: `entry` is what it was, under whatever name. Others that use it by its old name follow the new. */
export function saved(entry: Entry | null, name: string, now: Alias, entries: readonly Entry[]): Change[] {
  const was = entry ? valueOf(entry) : null;
  if (!entry || entry.key === keyOf(name)) return [{ name: entry?.name ?? name, was, now }];
  const others = entries.filter((other) => other.key !== entry.key);
  return [
    { name: entry.name, was, now: null },
    { name, was: null, now },
    ...replaced(others, marker(entry.key), marker(name), false),
  ];
}

/** What a file would change. */
export function importing(entries: readonly Entry[], document: unknown, mode: ImportMode): Import {
  const known = new Map(entries.map((entry) => [entry.key, entry]));
  const found = entriesOf(document);
  const changes: Change[] = [];
  const unusable: string[] = [];
  let same = 0;
  for (const entry of found) {
    const before = known.get(entry.key) ?? null;
    const now = { text: entry.text, category: entry.category.trim().slice(0, MOST_CATEGORY) };
    if (before && sameAlias(valueOf(before), now)) same += 1;
    else if (!before && !isName(entry.name.trim())) unusable.push(entry.name);
    else if (!before || mode !== 'add')
      changes.push({ name: before?.name ?? entry.name.trim(), was: before && valueOf(before), now });
  }
  if (mode === 'replace') {
    const kept = new Set(found.map(({ key }) => key));
    changes.push(...deleted(entries.filter(({ key }) => !kept.has(key))));
  }
  return { changes, same, unusable };
}

/** The document with these aliases alone, as a file for this and other front ends. */
export function documentOf(entries: readonly Entry[]): object {
  const categories = entries.filter(({ category }) => category).map(({ name, category }) => [name, category] as const);
  return {
    items: Object.fromEntries(entries.map(({ name, text }) => [name, text])),
    categories: Object.fromEntries(categories),
    categoryList: [...new Set(categories.map(([, category]) => category))],
  };
}
