import { describe, expect, it } from 'vitest';
import type { Form } from '$lib/api/types';
import { emptyDraft, type Draft } from '$lib/state/drafts';
import { field } from '$lib/testing';
import { applied, differences, presetValues } from './values';

const form: Form = {
  workflow: 'a.json',
  title: 'A',
  description: '',
  mode: null,
  fields: [
    field({ key: 'Prompt', default: 'a lamp' }),
    field({ key: 'Steps', type: 'int', default: 20 }),
    field({ key: 'Seed', type: 'int', default: 7, can_randomize: true }),
    field({ key: 'LoRA', type: 'choice', default: 'none', can_bypass: true }),
    field({ key: 'Grain', type: 'boolean', default: true }),
  ],
  outputs: [],
  problems: [],
};
const draft: Draft = {
  values: { Prompt: 'a moon', Steps: '30', Grain: false },
  random: { Seed: false },
  bypass: { LoRA: true },
};

it('keeps all that is set, and brings it back', () => {
  const values = presetValues(form, draft);
  expect(values).toMatchObject({ Prompt: 'a moon', Steps: 30, Seed: 7, Grain: false });
  expect(differences(form, draft, values)).toEqual([]);
  const back = applied(form, emptyDraft(), values);
  expect(presetValues(form, back)).toEqual(values);
});

describe('differences', () => {
  it('tell what each side has', () => {
    const found = differences(form, emptyDraft(), presetValues(form, draft));
    expect(found.map(({ field: { key }, preset, form: now }) => [key, preset, now])).toEqual([
      ['Prompt', { value: 'a moon' }, { value: 'a lamp' }],
      ['Steps', { value: '30' }, { value: '20' }],
      ['Seed', { value: '7' }, { random: true }],
      ['LoRA', { skipped: true }, { value: 'none' }],
      ['Grain', { value: false }, { value: true }],
    ]);
  });

  it('take one field alone', () => {
    const next = applied(form, emptyDraft(), presetValues(form, draft), 'Steps');
    expect(next).toEqual({ values: { Steps: '30' }, random: {}, bypass: {} });
  });
});

it('takes presets of other programs, which hold values alone', () => {
  const next = applied(form, draft, { Prompt: 'x', Seed: 5, Strange: 1, Grain: 'yes' });
  expect(next.values).toEqual({ Prompt: 'x', Steps: '30', Grain: false, Seed: '5' });
  expect(next.random).toEqual({ Seed: false });
  expect(next.bypass).toEqual({ LoRA: true });
});
