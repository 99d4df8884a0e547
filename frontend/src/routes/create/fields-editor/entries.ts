import type { Exposed, Form, FormField } from '$lib/api/types';
import { MORE } from '../sections';

export const keyOf = (entry: { node_id: string; input: string }) => `${entry.node_id}.${entry.input}`;

/** What to begin with where nobody has chosen yet: what the form shows unfolded. */
export function firstEntries(form: Form): Exposed[] {
  return form.fields
    .filter((field) => field.group !== MORE)
    .map(({ node_id, input, label, group, row }) => ({
      node_id,
      input,
      label,
      ...(group ? { group } : {}),
      ...(row ? { row } : {}),
    }));
}

/** A field that is newly shown: as it is. */
export const newEntry = ({ node_id, input, label }: FormField): Exposed => ({ node_id, input, label });

/** An entry without what is blank, as it is stored. */
export function tidy(entry: Exposed): Exposed {
  const kept = Object.entries(entry).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return Object.fromEntries(kept) as unknown as Exposed;
}

/** The number that was typed; null for none, NaN for what is none. */
export function typedNumber(text: string): number | null {
  const trimmed = text.trim().replace(',', '.');
  return trimmed === '' ? null : Number(trimmed);
}

/** `items` with the one at `from` at `to`. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const rest = items.filter((_, index) => index !== from);
  const item = items[from];
  return item === undefined ? [...items] : [...rest.slice(0, to), item, ...rest.slice(to)];
}
