import { describe, expect, it } from 'vitest';
import type { Recipe, RecipeField, Told } from './api';
import { asText, differences, parametersOf, promptsOf, type Labels } from './parameters';

const labels: Labels = {
  model: 'Model',
  lora: 'LoRA',
  vae: 'VAE',
  sampler: 'Sampler',
  scheduler: 'Scheduler',
  steps: 'Steps',
  cfg: 'CFG',
  guidance: 'Guidance',
  seed: 'Seed',
  size: 'Size',
};
const told = (change: Partial<Told['summary']>): Told => ({
  prompt: {},
  summary: {
    positive: '',
    negative: '',
    models: [],
    loras: [],
    vae: null,
    sampler: null,
    scheduler: null,
    steps: null,
    cfg: null,
    guidance: null,
    seed: null,
    width: null,
    height: null,
    ...change,
  },
});
const field = (key: string, value: unknown, change: Partial<RecipeField> = {}): RecipeField => ({
  key,
  label: key,
  type: 'int',
  value,
  group: null,
  multiline: false,
  role: null,
  ...change,
});
const recipe = (...fields: RecipeField[]): Recipe => ({
  job: null,
  workflow: null,
  title: '',
  can_render: true,
  fields,
});
const lines = (...given: Parameters<typeof parametersOf>) =>
  parametersOf(...given).map(({ label, value }) => `${label}: ${value}`);

describe('parametersOf', () => {
  it('says what every program says, LoRAs with their strengths', () => {
    const loras = [
      { name: 'a', strength_model: 0.8, strength_clip: 0.8 },
      { name: 'b', strength_model: 1, strength_clip: 0.5 },
      { name: 'c', strength_model: null, strength_clip: null },
    ];
    const summary = { models: ['m'], loras, vae: 'm', steps: 20, cfg: 6.5, seed: 7, width: 512, height: 768 };
    expect(lines(told(summary), null, labels)).toEqual([
      'Model: m',
      'LoRA: a · 0.8',
      'LoRA: b · 1 / 0.5',
      'LoRA: c',
      'Steps: 20',
      'CFG: 6.5',
      'Seed: 7',
      'Size: 512 × 768',
    ]);
  });
  it('adds what only the form knows', () => {
    const form = recipe(
      field('Prompt', 'a cat', { role: 'prompt' }),
      field('Steps', 20),
      field('Width', 512),
      field('Grain', true),
      field('9.crop', 'center', { group: 'more' }),
      field('Style', ''),
      field('Strength', 20),
    );
    expect(lines(told({ steps: 20, width: 512, height: 768 }), form, labels)).toEqual([
      'Steps: 20',
      'Size: 512 × 768',
      'Grain: true',
      'Strength: 20',
    ]);
    expect(lines(null, form, labels)).toEqual(['Steps: 20', 'Width: 512', 'Grain: true', 'Strength: 20']);
  });
  it('says the strengths of a LoRA once', () => {
    const summary = told({ loras: [{ name: 'a', strength_model: 0.8, strength_clip: 0.5 }] });
    const form = recipe(field('LoRA strength', 0.8), field('5.strength_clip', 0.5), field('Strength', 0.8));
    expect(lines(summary, form, labels)).toEqual(['LoRA: a · 0.8 / 0.5']);
    expect(lines(summary, recipe(field('Strength', 2)), labels)).toEqual(['LoRA: a · 0.8 / 0.5', 'Strength: 2']);
  });
  it('has seeds with all their digits', () => {
    const exact = '18446744073709551615';
    const form = recipe(field('3.seed', exact, { role: 'seed', label: 'Seed' }));
    expect(lines(told({ seed: Number(exact) }), form, labels)).toEqual([`Seed: ${exact}`]);
  });
});

describe('promptsOf', () => {
  it('prefers what was typed', () => {
    const summary = told({ positive: 'a knight', negative: 'blur' });
    const form = recipe(
      field('Prompt', '$hero$', { role: 'prompt' }),
      field('6.text', 'x', { role: 'prompt', group: 'more' }),
    );
    expect(promptsOf(summary, form)).toEqual({ positive: '$hero$', negative: 'blur' });
    expect(promptsOf(null, null)).toEqual({ positive: '', negative: '' });
  });
});

it('is copied as text', () => {
  const names = { prompt: 'Prompt', negative: 'Negative prompt' };
  expect(asText({ positive: 'a', negative: '' }, [{ id: 's', label: 'Seed', value: '7' }], names)).toBe(
    'Prompt: a\nSeed: 7',
  );
});

it('tells files apart, what differs first', () => {
  const of = (...pairs: [string, string][]) => pairs.map(([label, value]) => ({ id: label, label, value }));
  const found = differences([
    of(['Model', 'm'], ['LoRA', 'a'], ['LoRA', 'b'], ['Seed', '1']),
    of(['Model', 'm'], ['LoRA', 'a'], ['Seed', '2'], ['Size', '5']),
  ]);
  expect(found).toEqual([
    { label: 'LoRA 2', values: ['b', ''], same: false },
    { label: 'Seed', values: ['1', '2'], same: false },
    { label: 'Size', values: ['', '5'], same: false },
    { label: 'Model', values: ['m', 'm'], same: true },
    { label: 'LoRA', values: ['a', 'a'], same: true },
  ]);
});
