import { describe, expect, it } from 'vitest';
import { field } from '$lib/testing';
import { proposal, rangeCount, readAxis, type AxisDraft } from './axes';

const draft = (change: Partial<AxisDraft>): AxisDraft => ({
  key: 'k',
  how: 'list',
  list: '',
  from: '',
  to: '',
  step: '',
  picked: [],
  ...change,
});
const int = field({ type: 'int', min: 1, max: 60 });

describe('rangeCount', () => {
  it.each([
    [1, 4, 1, 4],
    [0.1, 0.3, 0.1, 3],
    [10, 1, -3, 4],
    [5, 5, 1, 1],
    [1, 4, -1, 0],
    [1, 4, 0, 0],
    [NaN, 4, 1, 0],
  ])('from %d to %d by %d', (from, to, step, count) => expect(rangeCount(from, to, step)).toBe(count));
});

describe('readAxis', () => {
  it('takes lists of numbers', () => {
    expect(readAxis(int, draft({ list: '4, 8;12\n16' }))).toEqual({
      axis: { key: 'k', values: [4, 8, 12, 16] },
      count: 4,
      problem: null,
    });
    expect(readAxis(int, draft({ list: '4, four' })).problem).toEqual({ why: 'number', text: 'four' });
    expect(readAxis(int, draft({})).problem).toEqual({ why: 'none' });
  });
  it('takes ranges', () => {
    const read = readAxis(field({ type: 'float' }), draft({ how: 'range', from: '0,5', to: '1', step: '0.25' }));
    expect(read).toEqual({ axis: { key: 'k', range: { start: 0.5, stop: 1, step: 0.25 } }, count: 3, problem: null });
    expect(readAxis(int, draft({ how: 'range', from: '1', to: '900', step: '1' })).problem).toEqual({ why: 'many' });
    expect(readAxis(int, draft({ how: 'range', from: '', to: '9', step: '1' })).problem).toEqual({ why: 'range' });
  });
  it('takes texts line by line, choices and switches', () => {
    expect(readAxis(field(), draft({ list: 'a cat, black\n\n a dog ' })).axis?.values).toEqual([
      'a cat, black',
      'a dog',
    ]);
    const choice = field({ type: 'choice', choices: ['a', 'b'] });
    expect(readAxis(choice, draft({ picked: ['b'] })).axis?.values).toEqual(['b']);
    expect(readAxis(field({ type: 'boolean' }), draft({})).count).toBe(2);
  });
});

it('proposes what can be rendered', () => {
  expect(proposal(int, '20')).toMatchObject({ how: 'range', from: '20', to: '23', step: '1' });
  expect(proposal(int, '59')).toMatchObject({ from: '59', to: '60' });
  expect(proposal(field({ type: 'choice', choices: ['a'] }), 'a').picked).toEqual(['a']);
});
