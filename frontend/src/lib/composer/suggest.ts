/** What can be completed to. `count` is how many posts have the tag; aliases have their text instead. */
export interface Suggestion {
  name: string;
  kind: 'tag' | 'alias';
  count: number;
  category: string;
  text: string;
}

/** A tag as the server lists it. */
export interface FoundTag {
  tag: string;
  count: number;
  category: string;
}

export interface Answer {
  items: FoundTag[];
  /** How many match in all; `items` may be the first of them. */
  total: number;
}

interface Cached {
  items: Suggestion[];
  complete: boolean;
}

/** How many tags are asked for: enough that the next letter often needs no other request. */
export const ASKED = 100;
const SHOWN = 20;
const KEPT = 300;
const SHOWN_ALIASES = 5;

/** What a tag is looked up as: in lower case, with `_` between its parts. */
export function folded(text: string): string {
  return text
    .toLowerCase()
    .replaceAll('\\', '')
    .trim()
    .replace(/[\s_-]+/g, '_');
}

/** The best of these for what is typed: names that begin with it, then those with a part that does; each by count. */
export function ranked(items: readonly Suggestion[], query: string): Suggestion[] {
  const parts = query.split('_').filter(Boolean);
  const place = (name: string) => (name.startsWith(query) ? 0 : `_${name}`.includes(`_${query}`) ? 1 : 2);
  return items
    .map((item) => ({ item, name: folded(item.name) }))
    .filter(({ name }) => parts.every((part) => name.includes(part)))
    .map(({ item, name }) => ({ item, rank: place(name) }))
    .sort((one, other) => one.rank - other.rank || other.item.count - one.item.count)
    .map(({ item }) => item)
    .slice(0, SHOWN);
}

/** Aliases that fit what is typed, those that begin with it first. */
export function rankedAliases(aliases: readonly Suggestion[], query: string, most = SHOWN_ALIASES): Suggestion[] {
  const sought = query.toLowerCase();
  const begins = (name: string) => name.split(/:+/).some((part) => part.startsWith(sought));
  const fitting = aliases.filter(({ name }) => name.includes(sought));
  return [...fitting.filter(({ name }) => begins(name)), ...fitting.filter(({ name }) => !begins(name))].slice(0, most);
}

/** The tags of a server, asked for once and remembered. One request at a time: a newer one ends the one before. */
export class TagSource {
  #cache = new Map<string, Cached>();
  #running: { query: string; control: AbortController; answer: Promise<void> } | null = null;

  constructor(private readonly ask: (query: string, signal: AbortSignal) => Promise<Answer>) {}

  /** What is known now; `final` says that the server would answer the same. Null: nothing is. */
  look(query: string): { items: Suggestion[]; final: boolean } | null {
    for (let length = query.length; length >= 0; length--) {
      const found = this.#cache.get(query.slice(0, length));
      if (!found) continue;
      const items = ranked(found.items, query);
      return { items, final: length === query.length || found.complete };
    }
    return null;
  }

  /** The list is another one: what is known of the old one does not count. */
  forget(): void {
    this.#running?.control.abort();
    this.#cache.clear();
  }

  /** Ask the server. Resolves when the answer is there to look at; rejects when it fails or a newer one took over. */
  async fetch(query: string): Promise<void> {
    if (this.#running?.query === query) return this.#running.answer;
    this.#running?.control.abort();
    const control = new AbortController();
    const running = { query, control, answer: this.#take(query, control.signal) };
    this.#running = running;
    try {
      await running.answer;
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  async #take(query: string, signal: AbortSignal): Promise<void> {
    const { items, total } = await this.ask(query, signal);
    const found = items.map(({ tag, count, category }) => ({
      name: tag,
      kind: 'tag' as const,
      count,
      category,
      text: '',
    }));
    this.#cache.set(query, { items: found, complete: total <= items.length });
    const oldest = this.#cache.keys().next().value;
    if (this.#cache.size > KEPT && oldest !== undefined) this.#cache.delete(oldest);
  }
}

/** The aliases of the document that the server keeps, wrapped or not, by lower-case name. */
export function aliasesOf(document: unknown): Suggestion[] {
  if (!isRecord(document)) return [];
  const [items, categories] = isRecord(document.items) ? [document.items, document.categories] : [document, {}];
  const categoryOf = (name: string) => (isRecord(categories) ? categories[name] : undefined);
  return Object.entries(items).flatMap(([name, text]) => {
    const key = name.trim().toLowerCase();
    if (!key || typeof text !== 'string' || !text.trim()) return [];
    const category = categoryOf(name);
    return [
      {
        name: key,
        kind: 'alias' as const,
        count: 0,
        category: typeof category === 'string' ? category : '',
        text: text.trim(),
      },
    ];
  });
}

/** Whether a name, with or without its category, is that of an alias. */
export function knows(aliases: readonly Suggestion[]): (name: string) => boolean {
  const names = new Set(
    aliases.flatMap(({ name, category }) => [
      name,
      name.replace('::', ':'),
      name.slice(name.lastIndexOf(':') + 1),
      ...(category ? [`${category.toLowerCase()}:${name}`, `${category.toLowerCase()}::${name}`] : []),
    ]),
  );
  return (name) => names.has(name.toLowerCase());
}

/** A tag as it is written into a prompt: brackets would weigh it. */
export function written(tag: string, spaces: boolean): string {
  // Faces such as `^_^` have no words that a space could part.
  const text = spaces && /[a-z0-9]{2}/i.test(tag) ? tag.replaceAll('_', ' ') : tag;
  return text.replace(/(?<!\\)[()]/g, '\\$&');
}

export interface Typed {
  /** Where what is typed begins. */
  from: number;
  query: string;
  kind: 'tag' | 'alias';
}

/** What is being typed before the cursor: an alias behind `$`, else a tag from the last comma or bracket on. */
export function typedBefore(text: string): Typed | null {
  const alias = /(?<![$\w])\$([\w:-]*)$/.exec(text);
  if (alias) return { from: alias.index, query: (alias[1] ?? '').toLowerCase(), kind: 'alias' };
  const tag = /(?:\\[()]|[^,\n(){}[\]|<>$])*$/.exec(text);
  const raw = tag?.[0] ?? '';
  const body = raw.trimStart();
  const from = text.length - body.length;
  // A weight, the middle of a choice's weight, or a long sentence is no tag.
  if (body === '' || /^\s*:?[\d.]*$/.test(body) || body.length > 60) return null;
  return { from, query: folded(body), kind: 'tag' };
}

/** What is typed, without the words before the last ones: in a sentence only those are the beginning of a tag. */
export function lastWords(typed: Typed, text: string): Typed[] {
  const words = text.slice(typed.from);
  return [...words.matchAll(/\s+(?=\S)/g)]
    .slice(-2)
    .map((space) => typed.from + space.index + space[0].length)
    .map((from) => ({ from, query: folded(text.slice(from)), kind: 'tag' as const }))
    .filter(({ query }) => query.length >= 3);
}

/** Whether an element looks like a tag that can be checked, and the tag: no sentence, alias, choice or network. */
export function checkable(text: string): string | null {
  if (/[$<>{}|:"]|__|::|^[A-Z]{3,}$|[.!?]$/.test(text)) return null;
  const tag = folded(text);
  return tag === '' || tag.split('_').length > 4 || tag.length > 60 || /^[\d_.]+$/.test(tag) ? null : tag;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
