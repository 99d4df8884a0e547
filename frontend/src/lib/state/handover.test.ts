import { expect, it } from 'vitest';
import { handOver, takeHandover } from './handover';

const draft = (prompt: string) => ({ values: { Prompt: prompt }, random: { Seed: false }, bypass: {} });

it('hands a draft over once, to its own workflow', () => {
  handOver('a.json', draft('a lamp'));
  expect(takeHandover('b.json')).toBeNull();
  expect(takeHandover('a.json')).toEqual(draft('a lamp'));
  expect(takeHandover('a.json')).toBeNull();
});

it('keeps the latest, as it was when it was handed over', () => {
  handOver('a.json', draft('a lamp'));
  const latest = draft('a moon');
  handOver('a.json', latest);
  latest.values.Prompt = 'changed since';
  expect(takeHandover('a.json')).toEqual(draft('a moon'));
});
