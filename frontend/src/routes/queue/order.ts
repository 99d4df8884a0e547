/** Where a list's `from`-th element goes, told as the server wants to hear it: its new neighbour, or an end. */
export type Place = { to: 'front' } | { to: 'end' } | { after: string } | null;

/** The place of the element at `from` when it is moved to `to`; null where it would stay. */
export function placeFor(ids: readonly string[], from: number, to: number): Place {
  const target = Math.max(0, Math.min(ids.length - 1, to));
  if (target === from || !(from in ids)) return null;
  if (target === 0) return { to: 'front' };
  if (target === ids.length - 1) return { to: 'end' };
  const before = ids[target < from ? target - 1 : target];
  return before === undefined ? null : { after: before };
}

/** The list with one element moved. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const rest = list.filter((_, index) => index !== from);
  const element = list[from];
  return element === undefined ? [...list] : [...rest.slice(0, to), element, ...rest.slice(to)];
}
