import { describe, expect, it } from 'vitest';
import type { Workflow } from './api/types';
import { firstWorkflow, quickPicks, recentOnes, remember, searchWorkflows } from './workflows';

const workflow = (name: string, mode: Workflow['mode'], change: Partial<Workflow> = {}): Workflow => ({
  name,
  title: name,
  description: '',
  mode,
  error: null,
  ...change,
});
const all = [
  workflow('i2i', 'image-to-image'),
  workflow('i2v', 'image-to-video'),
  workflow('t2i-a', 'text-to-image', { title: 'Portraits', description: 'Faces in soft light' }),
  workflow('t2i-b', 'text-to-image'),
  workflow('t2v', 'text-to-video'),
  workflow('broken', 'text-to-image', { error: 'not JSON' }),
];
const names = (workflows: readonly Workflow[]) => workflows.map(({ name }) => name);

describe('quickPicks', () => {
  it('has one of each mode, in the order of the modes', () => {
    expect(names(quickPicks(all, []))).toEqual(['t2i-a', 'i2i', 't2v', 'i2v']);
  });
  it('prefers what was used last, without moving the tiles', () => {
    expect(names(quickPicks(all, ['i2v', 't2i-b']))).toEqual(['t2i-b', 'i2i', 't2v', 'i2v']);
  });
  it('fills up where a mode is missing, and never offers what cannot be used', () => {
    const few = all.filter(({ mode }) => mode === 'text-to-image');
    expect(names(quickPicks(few, ['broken']))).toEqual(['t2i-a', 't2i-b']);
  });
});

describe('recent workflows', () => {
  it('moves a used one to the front, once, and forgets the oldest', () => {
    expect(remember(['a', 'b', 'c'], 'c')).toEqual(['c', 'a', 'b']);
    expect(remember(['1', '2', '3', '4', '5', '6', '7', '8'], '9')).toHaveLength(8);
  });
  it('opens the last one that still works', () => {
    expect(firstWorkflow(all, ['gone', 'broken', 't2v'])?.name).toBe('t2v');
    expect(firstWorkflow(all, [])?.name).toBe('t2i-a');
    expect(firstWorkflow([], ['t2v'])).toBeUndefined();
    expect(names(recentOnes(all, ['gone', 't2v']))).toEqual(['t2v']);
  });
});

describe('searchWorkflows', () => {
  it('finds every word anywhere, whatever the case', () => {
    expect(names(searchWorkflows(all, 'SOFT portrait', null))).toEqual(['t2i-a']);
    expect(names(searchWorkflows(all, 'video', null))).toEqual(['i2v', 't2v']);
    expect(names(searchWorkflows(all, '  ', 'text-to-video'))).toEqual(['t2v']);
    expect(searchWorkflows(all, 'nowhere', null)).toEqual([]);
  });
});
