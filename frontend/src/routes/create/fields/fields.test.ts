import { expect, it } from 'vitest';
import { field, job } from '$lib/testing';
import { stepWidth } from './drag';
import { pastSeeds } from './seeds';

it('lists the seeds of a workflow, each once, latest first', () => {
  const made = (id: string, created_at: number, Seed: unknown, workflow = 'a.json') =>
    job(id, { created_at, workflow, values: { Seed } });
  const jobs = [
    made('1', 1, 5),
    made('2', 2, 6),
    made('3', 3, 5),
    made('4', 4, 7, 'b.json'),
    made('5', 5, '18446744073709551615'),
    made('6', 6, undefined),
  ];
  expect(pastSeeds(jobs, 'a.json', 'Seed').map(({ value, job: { id } }) => [value, id])).toEqual([
    ['18446744073709551615', '5'],
    ['5', '3'],
    ['6', '2'],
  ]);
});

it.each([
  [field({ type: 'int', min: 0, max: 40 }), 8],
  [field({ type: 'int', min: 0, max: 4 }), 16],
  [field({ type: 'int', min: 0, max: 2 ** 32 }), 2],
  [field({ type: 'float' }), 6],
])('drags so that the range is within reach', (given, pixels) => expect(stepWidth(given)).toBe(pixels));
