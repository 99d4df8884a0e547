import type { IconName } from '../ui/Icon.svelte';
import { fit, type Fit } from './fuzzy';

export const GROUPS = ['recent', 'pages', 'actions', 'workflows', 'prompts', 'albums', 'settings', 'search'] as const;
export type Group = (typeof GROUPS)[number];

/** Something to find and do. */
export interface Command {
  /** The same for the same thing from day to day. */
  id: string;
  group: Exclude<Group, 'recent'>;
  icon: IconName;
  label: string;
  /** More about it, beside the label; searched too. */
  hint?: string;
  /** Other words that lead to it, not shown. */
  words?: string;
  /** The keys that do it without the palette. */
  keys?: readonly string[];
  /** The server has searched already: it fits whatever is typed. */
  sought?: boolean;
  /** It goes to another place. */
  leads?: boolean;
  run: () => void | Promise<void>;
}

export interface Found {
  command: Command;
  ranges: Fit['ranges'];
}

export interface Section {
  group: Group;
  items: Found[];
}

const MOST: Record<Group, number> = {
  recent: 6,
  pages: 8,
  actions: 12,
  workflows: 8,
  prompts: 6,
  albums: 6,
  settings: 8,
  search: 1,
};
const MOST_TYPED_TO_BE_FIRST = 2;
const MOST_KEPT = 30;
const RECENCY = 2;
const IN_HINT = 0.6;

const plain = (command: Command): Found => ({ command, ranges: [] });

/** What to show before anything is typed: what was used lately, then all the rest of it. */
export function overview(commands: readonly Command[], recent: readonly string[]): Section[] {
  const lately = recent
    .map((id) => commands.find((command) => command.id === id))
    .filter((command) => command !== undefined)
    .slice(0, MOST.recent);
  const rest = commands.filter((command) => !lately.includes(command));
  return sections([['recent', lately.map(plain)], ...byGroup(rest.map(plain))]);
}

/**
 * What fits what was typed: groups by their best find, the best of each first; what was used lately counts more.
 * Searching the gallery comes last, since it fits always.
 */
export function search(commands: readonly Command[], query: string, recent: readonly string[]): Section[] {
  const scored: (Found & { score: number })[] = [];
  for (const command of commands) {
    const found = scoreOf(command, query);
    if (found === null) continue;
    const place = recent.indexOf(command.id);
    const bonus = place < 0 ? 0 : RECENCY / (1 + place / MOST_TYPED_TO_BE_FIRST);
    scored.push({ command, ranges: found.ranges, score: found.score + bonus });
  }
  scored.sort((a, b) => b.score - a.score);
  const groups = byGroup(scored);
  const order = [...new Set(scored.map(({ command }) => command.group))].filter((group) => group !== 'search');
  const sorted = groups.sort(([a], [b]) => rank(order, a) - rank(order, b));
  return sections(sorted);
}

const rank = (order: readonly string[], group: string) => (group === 'search' ? Infinity : order.indexOf(group));

function scoreOf(command: Command, query: string): Fit | null {
  const own = fit(query, command.label);
  if (own) return own;
  if (command.sought) return { score: 0, ranges: [] };
  const more = [command.label, command.hint, command.words].filter(Boolean).join(' ');
  const found = more === command.label ? null : fit(query, more);
  return found && { score: found.score * IN_HINT, ranges: [] };
}

function byGroup(found: readonly Found[]): [Group, Found[]][] {
  return GROUPS.map((group) => [group, found.filter(({ command }) => command.group === group)]);
}

function sections(groups: readonly [Group, Found[]][]): Section[] {
  return groups
    .map(([group, items]) => ({ group, items: items.slice(0, MOST[group]) }))
    .filter(({ items }) => items.length > 0);
}

/** `id` in front of those that were used lately. */
export function used(recent: readonly string[], id: string): string[] {
  return [id, ...recent.filter((other) => other !== id)].slice(0, MOST_KEPT);
}
