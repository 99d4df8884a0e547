import { describe, expect, it } from 'vitest';
import type { Job } from '../api/types';
import { job } from '../testing';
import { excerpt, isActive, mergeSnapshot, newestFirst, shownOutputs, waitingLine } from './jobs';

const known = (...jobs: Job[]) => new Map(jobs.map((one) => [one.id, one]));
const never = () => false;
const output = (type: string) => ({
  node_id: '9',
  filename: 'a.png',
  subfolder: '',
  type,
  media_kind: 'image' as const,
  url: '/view',
  thumb: null,
});

describe('mergeSnapshot', () => {
  it('takes what the server lists', () => {
    const merged = mergeSnapshot(known(job('a')), [job('a', { status: 'running' }), job('b')], never);
    expect(merged.get('a')?.status).toBe('running');
    expect(merged.has('b')).toBe(true);
  });
  it('lets an event win over an answer that was under way', () => {
    const merged = mergeSnapshot(known(job('a', { status: 'done' })), [job('a', { status: 'running' })], () => true);
    expect(merged.get('a')?.status).toBe('done');
  });
  it('never brings an ended job back', () => {
    const merged = mergeSnapshot(known(job('a', { status: 'failed' })), [job('a', { status: 'running' })], never);
    expect(merged.get('a')?.status).toBe('failed');
  });
  it('lets a running job wait again, as after a restart of the engine', () => {
    const merged = mergeSnapshot(known(job('a', { status: 'running' })), [job('a')], never);
    expect(merged.get('a')?.status).toBe('queued');
  });
  it('drops active jobs that the server no longer lists, and keeps ended ones', () => {
    const merged = mergeSnapshot(known(job('a'), job('b', { status: 'done' })), [], never);
    expect([...merged.keys()]).toEqual(['b']);
  });
});

describe('order', () => {
  it('has the running job first, then the line', () => {
    const jobs = [
      job('third', { position: 2 }),
      job('second', { position: 1 }),
      job('first', { status: 'running', position: null, number: 99 }),
      job('over', { status: 'done' }),
    ];
    expect(waitingLine(jobs).map(({ id }) => id)).toEqual(['first', 'second', 'third']);
  });
  it('has the newest first', () => {
    const jobs = [job('a', { created_at: 1 }), job('b', { created_at: 3 }), job('c', { created_at: 2 })];
    expect(newestFirst(jobs).map(({ id }) => id)).toEqual(['b', 'c', 'a']);
  });
});

describe('jobs', () => {
  it.each([
    ['queued', true],
    ['running', true],
    ['done', false],
    ['failed', false],
    ['cancelled', false],
  ] as const)('%s: active is %s', (status, active) => expect(isActive(job('a', { status }))).toBe(active));

  it('shows finished files rather than intermediate ones', () => {
    expect(shownOutputs(job('a', { outputs: [output('temp'), output('output')] }))).toEqual([output('output')]);
    expect(shownOutputs(job('a', { outputs: [output('temp')] }))).toEqual([output('temp')]);
  });
  it('is told apart by its prompt, not by the name of a file', () => {
    const values = { Model: 'a-very-long-model-name-indeed.safetensors', Prompt: ' a red moon ', Steps: 20 };
    expect(excerpt(job('a', { values }))).toBe('a red moon');
    expect(excerpt(job('a', { values: { Steps: 20 } }))).toBe('');
  });
});
