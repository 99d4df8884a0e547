import { beforeEach, describe, expect, it } from 'vitest';
import type { Form } from '../api/types';
import { field } from '../testing';
import {
  emptyDraft,
  isBypassed,
  isRandom,
  localDrafts,
  parseDraft,
  renderRequest,
  sentValue,
  shownValue,
} from './drafts';

const prompt = field({ key: 'Prompt', default: 'a lamp' });
const width = field({ key: 'Width', type: 'int', default: 512, min: 64, max: 2048 });
const seed = field({ key: 'Seed', type: 'int', default: 7, can_randomize: true });
const lora = field({ key: 'LoRA', type: 'choice', default: 'none', can_bypass: true });
const grain = field({ key: 'Grain', type: 'boolean', default: true });
const form: Form = {
  workflow: 'a.json',
  title: 'A',
  description: '',
  mode: 'text-to-image',
  fields: [prompt, width, seed, lora, grain],
  outputs: [],
  problems: [],
};

beforeEach(() => localStorage.clear());

describe('shownValue', () => {
  it('is the workflow’s until the user sets one', () => {
    expect(shownValue(prompt, emptyDraft())).toBe('a lamp');
    expect(shownValue(width, emptyDraft())).toBe('512');
    expect(shownValue(grain, emptyDraft())).toBe(true);
    expect(shownValue(grain, { ...emptyDraft(), values: { Grain: false } })).toBe(false);
    expect(shownValue(prompt, { ...emptyDraft(), values: { Prompt: '' } })).toBe('');
  });
});

describe('sentValue', () => {
  it('sends numbers as numbers, but never one that JSON would round', () => {
    expect(sentValue(width, ' 640 ')).toBe(640);
    expect(sentValue(field({ type: 'float' }), '0,5')).toBe(0.5);
    expect(sentValue(seed, '18446744073709551615')).toBe('18446744073709551615');
  });
  it('leaves what is no number for the server to refuse', () => {
    expect(sentValue(width, '')).toBe('');
    expect(sentValue(width, 'wide')).toBe('wide');
    expect(sentValue(width, 'Infinity')).toBe('Infinity');
  });
});

describe('renderRequest', () => {
  it('sends only what was set, and a seed as random unless it is kept', () => {
    const request = renderRequest(form, { ...emptyDraft(), values: { Prompt: 'a moon', Seed: '9' } }, 3);
    expect(request).toEqual({
      workflow: 'a.json',
      values: { Prompt: 'a moon' },
      randomize: ['Seed'],
      bypass: [],
      count: 3,
    });
  });
  it('sends a kept seed and leaves out what is bypassed', () => {
    const draft = { values: { Seed: '9', LoRA: 'x' }, random: { Seed: false }, bypass: { LoRA: true } };
    const request = renderRequest(form, draft, 1);
    expect(request.values).toEqual({ Seed: 9 });
    expect(request.randomize).toEqual([]);
    expect(request.bypass).toEqual(['LoRA']);
  });
  it('never randomises or bypasses a field that does not offer it', () => {
    const draft = { values: {}, random: { Width: true }, bypass: { Prompt: true } };
    expect(isRandom(width, draft)).toBe(false);
    expect(isBypassed(prompt, draft)).toBe(false);
  });
});

describe('localDrafts', () => {
  it('keeps a draft per workflow', () => {
    const draft = { values: { Prompt: 'x', Grain: false }, random: { Seed: false }, bypass: {} };
    localDrafts.save('a.json', draft);
    expect(localDrafts.load('a.json')).toEqual(draft);
    expect(localDrafts.load('b.json')).toEqual(emptyDraft());
  });
  it.each([null, 7, [], { values: [], random: 'x' }, { values: { a: 1, b: {} }, bypass: { c: 'yes' } }])(
    'reads %j as an empty draft',
    (stored) => expect(parseDraft(stored)).toEqual(emptyDraft()),
  );
  it('survives a stored text that is not JSON', () => {
    localStorage.setItem('cozygen.draft.a.json', '{');
    expect(localDrafts.load('a.json')).toEqual(emptyDraft());
  });
});
