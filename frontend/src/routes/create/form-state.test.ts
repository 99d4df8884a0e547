import type { Form } from '$lib/api/types';
import { emptyDraft, type Draft, type DraftStore } from '$lib/state/drafts';
import { field, job } from '$lib/testing';
import { describe, expect, it } from 'vitest';
import { FormState } from './form-state.svelte';

const prompt = field({ key: 'Prompt', default: 'a lamp' });
const seed = field({ key: 'Seed', type: 'int', default: 7, can_randomize: true });
const form: Form = {
  workflow: 'a.json',
  title: 'A',
  description: '',
  mode: null,
  fields: [prompt, seed],
  outputs: [],
  problems: [],
};

class MemoryStore implements DraftStore {
  saved: Draft = emptyDraft();
  load = () => this.saved;
  save = (_: string, draft: Draft) => void (this.saved = draft);
}

describe('FormState', () => {
  it('keeps every change', () => {
    const store = new MemoryStore();
    new FormState(form, store).set(prompt, 'a moon');
    expect(new FormState(form, store).text(prompt)).toBe('a moon');
  });

  it('shows the number that a render drew, and keeps it on demand', () => {
    const state = new FormState(form, new MemoryStore());
    state.noteDrawn(job('a', { values: { Seed: 99, Prompt: 'x' } }));
    expect(state.drawn).toEqual({ Seed: '99' });
    state.keep(seed, '99');
    expect(state.random(seed)).toBe(false);
    expect(state.request(1).values).toEqual({ Seed: 99 });
  });

  it('puts findings at their fields and takes one away when its field changes', () => {
    const state = new FormState(form, new MemoryStore());
    state.refuse({ Prompt: 'is too long', Seed: 'must be a number' }, 'no');
    expect(state.failures).toEqual([]);
    state.set(prompt, 'short');
    expect(state.errors).toEqual({ Seed: 'must be a number' });
    state.accept();
    expect(state.errors).toEqual({});
  });

  it('tells what belongs to no field', () => {
    const state = new FormState(form, new MemoryStore());
    state.refuse({ '12.width': 'is not an input' }, 'The workflow does not fit.');
    expect(state.failures).toEqual(['The workflow does not fit.', '12.width: is not an input']);
  });

  it('can be reset and brought back', () => {
    const store = new MemoryStore();
    const state = new FormState(form, store);
    state.set(prompt, 'a moon');
    const before = state.replace(emptyDraft());
    expect(state.text(prompt)).toBe('a lamp');
    state.replace(before);
    expect(store.saved.values).toEqual({ Prompt: 'a moon' });
  });

  it('shows what is folded away when something there is missing, until it is replaced', () => {
    const style = field({ key: 'Style', type: 'choice', default: 'gone', choices: ['a', 'b'], group: 'more' });
    const state = new FormState({ ...form, workflow: 'style.json', fields: [prompt, style] }, new MemoryStore());
    expect([state.isMissing(style), state.isReplaced(style), state.isOpen('more')]).toEqual([true, false, true]);
    state.set(style, 'a');
    expect([state.isMissing(style), state.isReplaced(style), state.isOpen('more')]).toEqual([false, true, false]);
    expect(state.isReplaced(prompt)).toBe(false);
  });

  it('unfolds a group in which something was refused, and remembers what was unfolded', () => {
    const steps = field({ key: 'Steps', type: 'int', group: 'more' });
    const folded = { ...form, workflow: 'folded.json', fields: [prompt, steps] };
    const state = new FormState(folded, new MemoryStore());
    expect(state.isOpen('more')).toBe(false);
    state.refuse({ Steps: 'must be at most 9' }, 'no');
    expect(state.isOpen('more')).toBe(true);
    state.setOpen('', false);
    expect(new FormState(folded, new MemoryStore()).isOpen('')).toBe(false);
  });

  it('goes on with a form that has changed', () => {
    const state = new FormState(form, new MemoryStore());
    state.set(prompt, 'a moon');
    state.refuse({ Prompt: 'is too short' }, 'no');
    state.adopt({ ...form, fields: [field({ key: 'Other' })] });
    expect(state.errors).toEqual({});
    expect(state.draft.values).toEqual({ Prompt: 'a moon' });
  });
});
