import type { FormField } from './api/types';

const isNarrow = (field: FormField) =>
  field.type === 'boolean' || ((field.type === 'int' || field.type === 'float') && !field.can_randomize);

/** Which fields share a row with a neighbour: narrow ones in a run, in pairs; the odd one out takes a whole row. */
export function halfWidths(fields: readonly FormField[]): boolean[] {
  const result: boolean[] = [];
  for (let at = 0; at < fields.length;) {
    let end = at;
    while (end < fields.length && isNarrow(fields[end] as FormField)) end++;
    const run = end - at;
    for (let index = 0; index < run; index++) result.push(index < run - (run % 2));
    if (run === 0) {
      result.push(false);
      end = at + 1;
    }
    at = end;
  }
  return result;
}
