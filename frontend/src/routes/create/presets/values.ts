import type { Form, FormField } from '$lib/api/types';
import { isBypassed, isRandom, sentValue, shownValue, type Draft } from '$lib/state/drafts';

type Values = Readonly<Record<string, unknown>>;

/** Beside the fields' values, what is random and what is skipped; no field is called like that. */
const RANDOM = 'cozygen:random';
const BYPASS = 'cozygen:bypass';

/** How a field differs: what each side shows. */
export interface Difference {
  field: FormField;
  preset: Shown;
  form: Shown;
}

/** What a field is set to. */
export type Shown = { random: true } | { skipped: true } | { value: string | boolean };

/** All that a form is set to, as a preset keeps it. */
export function presetValues(form: Form, draft: Draft): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const keys = (holds: (field: FormField) => boolean) => form.fields.filter(holds).map((field) => field.key);
  for (const field of form.fields) values[field.key] = sentValue(field, shownValue(field, draft));
  return {
    ...values,
    [RANDOM]: keys((field) => isRandom(field, draft)),
    [BYPASS]: keys((field) => isBypassed(field, draft)),
  };
}

function listed(values: Values, name: string): string[] | null {
  const found = values[name];
  return Array.isArray(found) ? found.filter((key) => typeof key === 'string') : null;
}

/** The draft with a preset's values; what the preset does not speak of stays. */
export function applied(form: Form, draft: Draft, values: Values, only?: string): Draft {
  const next: Draft = { values: { ...draft.values }, random: { ...draft.random }, bypass: { ...draft.bypass } };
  const [random, bypass] = [listed(values, RANDOM), listed(values, BYPASS)];
  for (const field of form.fields) {
    const { key } = field;
    if (only !== undefined && key !== only) continue;
    const value = values[key];
    if (field.type === 'boolean' ? typeof value === 'boolean' : typeof value === 'string') {
      next.values[key] = value as string | boolean;
    } else if (typeof value === 'number') next.values[key] = String(value);
    if (field.can_randomize && (random || value !== undefined)) next.random[key] = random?.includes(key) ?? false;
    if (field.can_bypass && bypass) next.bypass[key] = bypass.includes(key);
  }
  return next;
}

function shown(field: FormField, draft: Draft): Shown {
  if (isBypassed(field, draft)) return { skipped: true };
  if (isRandom(field, draft)) return { random: true };
  return { value: shownValue(field, draft) };
}

/** The fields that applying a preset would change. */
export function differences(form: Form, draft: Draft, values: Values): Difference[] {
  const then = applied(form, draft, values);
  return form.fields
    .map((field) => ({ field, preset: shown(field, then), form: shown(field, draft) }))
    .filter(({ preset, form: now }) => JSON.stringify(preset) !== JSON.stringify(now));
}
