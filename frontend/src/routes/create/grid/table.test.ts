import { expect, it } from 'vitest';
import type { Group } from '$lib/api/types';
import { job } from '$lib/testing';
import { table } from './table';

const group = (axes: Group['axes']): Group => ({
  id: 'g',
  kind: axes.length > 0 ? 'sweep' : 'batch',
  workflow: 'a.json',
  title: 'A',
  axes,
  count: 1,
  total: 4,
  states: {},
  created_at: 0,
});
const cell = (...indices: number[]) => ({ indices, jobs: [job(indices.join())] });
const ids = (found: ReturnType<typeof table>) =>
  found.cells.map((row) => row.map((jobs) => jobs.map(({ id }) => id).join()));

it('has the last axis across and the first down; what is missing is empty', () => {
  const axes = [
    { key: 'Style', values: ['a', 'b'] },
    { key: 'Steps', values: [4, 8] },
  ];
  const found = table({ group: group(axes), cells: [cell(0, 0), cell(0, 1), cell(1, 1)] });
  expect(ids(found)).toEqual([
    ['0,0', '0,1'],
    ['', '1,1'],
  ]);
  expect(found.rows.map(({ values }) => values[0]?.value)).toEqual(['a', 'b']);
  expect(found.columns.map(({ values }) => values[0]?.value)).toEqual([4, 8]);
});

it('has a single axis across', () => {
  const found = table({ group: group([{ key: 'Steps', values: [4, 8] }]), cells: [cell(0), cell(1)] });
  expect(ids(found)).toEqual([['0', '1']]);
  expect(found.rows).toEqual([{ indices: [], values: [] }]);
});

it('has one cell for a batch', () => {
  expect(ids(table({ group: group([]), cells: [cell()] }))).toEqual([['']]);
  expect(table({ group: group([]), cells: [cell()] }).cells[0]?.[0]).toHaveLength(1);
});
