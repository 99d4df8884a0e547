import type { FormField } from '$lib/api/types';
import { halfWidths } from '$lib/layout';
import { sizePairs } from './aspect';

/** The group of the fields that are folded away at first. */
export const MORE = 'more';

/** Fields side by side; `size` says that they are a picture's width and height. */
export interface Row {
  fields: readonly FormField[];
  size: boolean;
}

/** Fields under one heading; the first ones have none (''). */
export interface Section {
  group: string;
  rows: readonly Row[];
  count: number;
}

/** The sections of a form, in the order of their first fields; what is folded away comes last. */
export function sections(fields: readonly FormField[]): Section[] {
  const groups = new Map<string, FormField[]>();
  for (const field of fields) {
    const group = field.group ?? '';
    groups.set(group, [...(groups.get(group) ?? []), field]);
  }
  const order = (group: string) => (group === '' ? 0 : group === MORE ? 2 : 1);
  return [...groups]
    .sort(([a], [b]) => order(a) - order(b))
    .map(([group, members]) => ({ group, rows: rows(members), count: members.length }));
}

/** Fields in rows: those that name the same row together, width beside height, and narrow ones in pairs. */
export function rows(fields: readonly FormField[]): Row[] {
  const pairs = new Map(sizePairs(fields));
  const named = new Map<string, FormField[]>();
  for (const field of fields) if (field.row) named.set(field.row, [...(named.get(field.row) ?? []), field]);
  const result: Row[] = [];
  const placed = new Set<FormField>();
  let loose: FormField[] = [];
  const settle = () => {
    result.push(...looseRows(loose));
    loose = [];
  };
  for (const field of fields) {
    if (placed.has(field)) continue;
    const height = pairs.get(field);
    const together = (field.row && named.get(field.row)) || (height ? [field, height] : [field]);
    together.forEach((member) => placed.add(member));
    if (together.length === 1) {
      loose.push(field);
      continue;
    }
    settle();
    const size = together.length === 2 && pairs.get(together[0] as FormField) === together[1];
    result.push({ fields: together, size });
  }
  settle();
  return result;
}

function looseRows(fields: readonly FormField[]): Row[] {
  const halves = halfWidths(fields);
  const result: Row[] = [];
  for (let at = 0; at < fields.length;) {
    const width = halves[at] ? 2 : 1;
    result.push({ fields: fields.slice(at, at + width), size: false });
    at += width;
  }
  return result;
}
