import type { Group, GroupGrid, Job } from '$lib/api/types';

/** A value of an axis, with its place. */
export interface Heading {
  /** The places on the axes that it stands for. */
  indices: readonly number[];
  /** The values, with the keys of their axes. */
  values: readonly { key: string; value: unknown }[];
}

/** A grid as a table: the last axis across, all others down. */
export interface Table {
  columns: readonly Heading[];
  rows: readonly Heading[];
  /** Row by row. */
  cells: readonly (readonly (readonly Job[])[])[];
}

function combinations(axes: Group['axes']): Heading[] {
  return axes.reduce<Heading[]>(
    (found, axis) =>
      found.flatMap((heading) =>
        axis.values.map((value, index) => ({
          indices: [...heading.indices, index],
          values: [...heading.values, { key: axis.key, value }],
        })),
      ),
    [{ indices: [], values: [] }],
  );
}

/** Lay a group out. A batch has one cell. */
export function table({ group, cells }: GroupGrid): Table {
  const jobs = new Map(cells.map((cell) => [cell.indices.join(), cell.jobs]));
  const columns = combinations(group.axes.slice(-1));
  const rows = combinations(group.axes.slice(0, -1));
  return {
    columns,
    rows,
    cells: rows.map((row) => columns.map((column) => jobs.get([...row.indices, ...column.indices].join()) ?? [])),
  };
}
