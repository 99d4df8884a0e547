import { describe, expect, it } from 'vitest';
import type { Job } from '$lib/api/types';
import { timeLeft } from './time-left';

const job = (fraction: number | null, change: Partial<Job> = {}): Job =>
  ({
    status: 'running',
    started_at: 1000,
    progress: fraction === null ? null : { node_id: '1', node_title: 'x', value: 1, max: 2, fraction },
    ...change,
  }) as Job;

describe('timeLeft', () => {
  it.each([
    ['half way', job(0.5), 1010, 10],
    ['a quarter', job(0.25), 1010, 30],
    ['nearly there', job(0.8), 1008, 2],
  ])('%s', (_, given, now, left) => expect(timeLeft(given, now)).toBeCloseTo(left));
  it.each([
    ['no progress', job(null), 1010],
    ['hardly begun', job(0.01), 1010],
    ['a moment ago', job(0.5), 1001],
    ['a clock that is behind', job(0.5), 900],
    ['waiting', job(0.5, { status: 'queued' }), 1010],
    ['not started', job(0.5, { started_at: null }), 1010],
    ['at its end', job(1), 1010],
  ])('%s: nothing is promised', (_, given, now) => expect(timeLeft(given, now)).toBeNull());
});
