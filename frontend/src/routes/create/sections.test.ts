import { describe, expect, it } from 'vitest';
import { field } from '$lib/testing';
import { MORE, rows, sections } from './sections';

const text = field({ key: 'Prompt' });
const steps = field({ key: 'Steps', type: 'int' });
const cfg = field({ key: 'CFG', type: 'float' });
const width = field({ key: 'w', label: 'Width', type: 'int' });
const height = field({ key: 'h', label: 'Height', type: 'int' });

const keys = (given: ReturnType<typeof rows>) => given.map((row) => row.fields.map(({ key }) => key));

describe('sections', () => {
  it('keep their order; what has no heading comes first, what is folded last', () => {
    const fields = [
      field({ key: 'a', group: MORE }),
      field({ key: 'b', group: 'Look' }),
      field({ key: 'c' }),
      field({ key: 'd', group: 'Size' }),
      field({ key: 'e', group: 'Look' }),
    ];
    expect(sections(fields).map(({ group, count }) => [group, count])).toEqual([
      ['', 1],
      ['Look', 2],
      ['Size', 1],
      [MORE, 1],
    ]);
  });
});

describe('rows', () => {
  it('pair narrow fields and leave wide ones alone', () => {
    expect(keys(rows([text, steps, cfg]))).toEqual([['Prompt'], ['Steps', 'CFG']]);
  });

  it('have width beside height, wherever they stand', () => {
    const found = rows([width, text, height, steps]);
    expect(keys(found)).toEqual([['w', 'h'], ['Prompt'], ['Steps']]);
    expect(found.map(({ size }) => size)).toEqual([true, false, false]);
  });

  it('hold what names the same row', () => {
    const first = field({ key: '1', row: 'r' });
    const second = field({ key: '2', row: 'r' });
    const third = field({ key: '3', row: 'r' });
    const found = rows([first, text, second, third]);
    expect(keys(found)).toEqual([['1', '2', '3'], ['Prompt']]);
  });

  it('know a size that names its row', () => {
    const [first, second] = [field({ ...width, row: 's' }), field({ ...height, row: 's' })];
    expect(rows([first, second])).toEqual([{ fields: [first, second], size: true }]);
  });
});
