import type { Form, FormField, JobRequest } from '../api/types';
import { readJson, writeJson } from './local';

/**
 * What a user has set in a workflow's form. Only what differs from the workflow is kept, so that fields nobody
 * touched follow the workflow when it changes. Numbers are kept as typed.
 */
export interface Draft {
  values: Record<string, string | boolean>;
  random: Record<string, boolean>;
  bypass: Record<string, boolean>;
}

/** Where drafts are kept. */
export interface DraftStore {
  load(workflow: string): Draft;
  save(workflow: string, draft: Draft): void;
}

export const emptyDraft = (): Draft => ({ values: {}, random: {}, bypass: {} });

function record<T>(value: unknown, fits: (item: unknown) => item is T): Record<string, T> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, T] => fits(entry[1])));
}

const isBoolean = (item: unknown): item is boolean => typeof item === 'boolean';
const isValue = (item: unknown): item is string | boolean => typeof item === 'string' || isBoolean(item);

/** A draft from whatever was stored. */
export function parseDraft(stored: unknown): Draft {
  const { values, random, bypass } = (typeof stored === 'object' && stored !== null ? stored : {}) as Record<
    string,
    unknown
  >;
  return { values: record(values, isValue), random: record(random, isBoolean), bypass: record(bypass, isBoolean) };
}

/** Drafts in this browser. */
export const localDrafts: DraftStore = {
  load: (workflow) => parseDraft(readJson(`draft.${workflow}`)),
  save: (workflow, draft) => writeJson(`draft.${workflow}`, draft),
};

/** The value that a field shows. */
export function shownValue(field: FormField, draft: Draft): string | boolean {
  const set = draft.values[field.key];
  if (field.type === 'boolean') return typeof set === 'boolean' ? set : field.default === true;
  if (typeof set === 'string') return set;
  const { default: value } = field;
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** A field that may be random is, until the user keeps a number. */
export function isRandom(field: FormField, draft: Draft): boolean {
  return field.can_randomize && (draft.random[field.key] ?? true);
}

/** The user takes the field's node out of the render. */
export function isBypassed(field: FormField, draft: Draft): boolean {
  return field.can_bypass && (draft.bypass[field.key] ?? false);
}

/**
 * A field's value for the server. Numbers that JSON would round are sent as text, which the server reads exactly; so
 * is what is not a number, for the server to say so at the field.
 */
export function sentValue(field: FormField, value: string | boolean): string | number | boolean {
  if ((field.type !== 'int' && field.type !== 'float') || typeof value === 'boolean') return value;
  const text = value.trim().replace(',', '.');
  const number = Number(text);
  if (text === '' || !Number.isFinite(number)) return value;
  return Number.isInteger(number) && !Number.isSafeInteger(number) ? text : number;
}

/** The request that renders a form. Values nobody set are left to the workflow. */
export function renderRequest(form: Form, draft: Draft, count: number): JobRequest {
  const values: Record<string, unknown> = {};
  const randomize: string[] = [];
  const bypass: string[] = [];
  for (const field of form.fields) {
    if (isRandom(field, draft)) {
      randomize.push(field.key);
      continue;
    }
    if (isBypassed(field, draft)) {
      bypass.push(field.key);
      continue;
    }
    const value = draft.values[field.key];
    if (value !== undefined) values[field.key] = sentValue(field, value);
  }
  return { workflow: form.workflow, values, randomize, bypass, count };
}
