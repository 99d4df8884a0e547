import { emptyDraft } from '$lib/state/drafts';
import { field } from '$lib/testing';
import { expect, it } from 'vitest';
import { promptOf, reordered } from './basket.svelte';
import { withPrompt } from './insert';

it('moves within the list and no further', () => {
  expect(reordered(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
  expect(reordered(['a', 'b', 'c'], 2, -1)).toEqual(['c', 'a', 'b']);
  expect(reordered(['a', 'b', 'c'], 1, 9)).toEqual(['a', 'c', 'b']);
});

it('writes tags as a prompt has them', () => {
  expect(promptOf(['long_hair', 'ada_(artist)', '^_^'], true)).toBe('long hair, ada \\(artist\\), ^_^');
  expect(promptOf(['long_hair'], false)).toBe('long_hair');
  expect(promptOf([], true)).toBe('');
});

it('appends to the long text of a form, and keeps what else is set', () => {
  const form = {
    workflow: 'a.json',
    title: 'A',
    description: '',
    mode: null,
    fields: [field({ key: 'Name' }), field({ key: 'Prompt', multiline: true, default: 'a lamp,' })],
    outputs: [],
    problems: [],
  };
  const draft = { ...emptyDraft(), values: { Name: 'x' } };
  expect(withPrompt(form, draft, 'fog')?.values).toEqual({ Name: 'x', Prompt: 'a lamp, fog' });
  expect(withPrompt(form, { ...draft, values: { Prompt: '' } }, 'fog')?.values).toEqual({ Prompt: 'fog' });
  expect(withPrompt({ ...form, fields: [] }, draft, 'fog')).toBeNull();
});
