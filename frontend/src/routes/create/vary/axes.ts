import type { Axis, FormField } from '$lib/api/types';
import { sentValue } from '$lib/state/drafts';

/** The most that the server takes: values of an axis, and renders in all. */
export const MOST_VALUES = 200;
export const MOST_RENDERS = 1000;

/** How a field is to be varied, as it was typed. */
export interface AxisDraft {
  key: string;
  how: 'list' | 'range';
  list: string;
  from: string;
  to: string;
  step: string;
  picked: readonly string[];
}

export type Problem = { why: 'none' } | { why: 'number'; text: string } | { why: 'range' } | { why: 'many' };

/** What a draft comes to: an axis for the server and how many values it has, or what is wrong with it. */
export type Read = { axis: Axis; count: number; problem: null } | { axis: null; count: 0; problem: Problem };

/** What can be varied. */
export function canVary(field: FormField): boolean {
  return field.type !== 'image';
}

/** A first proposal: some numbers around the present one, or all of a few choices. */
export function proposal(field: FormField, text: string): AxisDraft {
  const draft: AxisDraft = { key: field.key, how: 'list', list: '', from: '', to: '', step: '', picked: [] };
  if (field.type === 'int' || field.type === 'float') {
    const step = field.step ?? (field.type === 'int' ? 1 : 0.1);
    const now = Number(text.replace(',', '.')) || 0;
    const within = (number: number) => Math.min(field.max ?? Infinity, Math.max(field.min ?? -Infinity, number));
    const neat = (number: number) => String(Number(within(number).toPrecision(12)));
    return { ...draft, how: 'range', from: neat(now), to: neat(now + 3 * step), step: String(step) };
  }
  return field.type === 'string' ? { ...draft, list: text } : { ...draft, picked: [text] };
}

const number = (text: string) => (text.trim() === '' ? NaN : Number(text.trim().replace(',', '.')));
const wrong = (problem: Problem): Read => ({ axis: null, count: 0, problem });

function list(key: string, values: unknown[]): Read {
  if (values.length === 0) return wrong({ why: 'none' });
  if (values.length > MOST_VALUES) return wrong({ why: 'many' });
  return { axis: { key, values }, count: values.length, problem: null };
}

/** How many numbers there are from one to another, both counted where the step fits; 0 where it leads astray. */
export function rangeCount(from: number, to: number, step: number): number {
  if (![from, to, step].every(Number.isFinite) || step === 0) return 0;
  if (from !== to && to > from !== step > 0) return 0;
  return Math.floor((to - from) / step + 1e-9) + 1;
}

/** Read a draft. */
export function readAxis(field: FormField, draft: AxisDraft): Read {
  const { key } = draft;
  switch (field.type) {
    case 'boolean':
      return list(key, [false, true]);
    case 'choice':
      if (field.choices !== null) return list(key, [...draft.picked]);
      return list(key, lines(draft.list));
    case 'int':
    case 'float': {
      if (draft.how === 'range') {
        const [start, stop, step] = [number(draft.from), number(draft.to), number(draft.step)];
        const count = rangeCount(start, stop, step);
        if (count === 0) return wrong({ why: 'range' });
        return count > MOST_VALUES
          ? wrong({ why: 'many' })
          : { axis: { key, range: { start, stop, step } }, count, problem: null };
      }
      const typed = draft.list.split(/[\s;,]+/).filter(Boolean);
      const strange = typed.find((text) => !Number.isFinite(Number(text)));
      return strange === undefined
        ? list(
            key,
            typed.map((text) => sentValue(field, text)),
          )
        : wrong({ why: 'number', text: strange });
    }
    default:
      return list(key, lines(draft.list));
  }
}

const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
