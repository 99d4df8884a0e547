import type { FormField } from './api/types';

type Bounds = Pick<FormField, 'type' | 'min' | 'max' | 'step'>;

const MOST_SLIDER_STEPS = 10_000;
const MAX_RANDOM = Number.MAX_SAFE_INTEGER;

/** The step of a field: its own, else 1 for whole numbers and a hundredth of the range (or 0.1) for others. */
export function stepOf({ type, min, max, step }: Bounds): number {
  if (step) return step;
  if (type === 'int') return 1;
  return min !== null && max !== null ? Number(((max - min) / 100).toPrecision(1)) : 0.1;
}

/** Whether a slider makes sense: bounded, and every position means something to a thumb. */
export function hasSlider(field: Bounds): boolean {
  if (field.min === null || field.max === null) return false;
  return (field.max - field.min) / stepOf(field) <= MOST_SLIDER_STEPS;
}

function decimals(value: number): number {
  const text = String(value);
  const exponent = /e-(\d+)$/.exec(text)?.[1];
  const point = text.split('e')[0]?.split('.')[1]?.length ?? 0;
  return Math.min(20, point + Number(exponent ?? 0));
}

/**
 * `text` moved by `count` steps, on the field's grid and within its bounds. Text that is no number starts from the
 * lower bound, or 0.
 */
export function nudge(text: string, field: Bounds, count: number): string {
  const step = stepOf(field);
  const low = field.min ?? -Infinity;
  const high = field.max ?? Infinity;
  const parsed = Number(text.trim().replace(',', '.'));
  if (text.trim() === '' || !Number.isFinite(parsed)) return String(field.min ?? 0);
  const origin = field.min ?? 0;
  const exact = (parsed - origin) / step;
  const towards = count > 0 ? Math.floor(exact + 1e-9) : Math.ceil(exact - 1e-9);
  const moved = Math.min(high, Math.max(low, origin + (towards + count) * step));
  return String(Number(moved.toFixed(Math.max(decimals(step), decimals(origin)))));
}

/** A random whole number within a field's bounds that JSON carries exactly. */
export function randomWithin(field: Bounds, random: () => number = Math.random): string {
  const low = Math.max(field.min ?? 0, -MAX_RANDOM);
  const high = Math.min(field.max ?? MAX_RANDOM, MAX_RANDOM);
  const step = stepOf(field);
  const steps = Math.floor((high - low) / step);
  const value = low + Math.floor(random() * (steps + 1)) * step;
  return String(Number(Math.min(high, value).toFixed(decimals(step))));
}
