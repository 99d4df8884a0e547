import type { Form, FormField, Job, JobRequest } from '$lib/api/types';
import {
  emptyDraft,
  isBypassed,
  isRandom,
  localDrafts,
  renderRequest,
  shownValue,
  type Draft,
  type DraftStore,
} from '$lib/state/drafts';

/** A workflow's form as the user has filled it in. Every change is kept at once. */
export class FormState {
  draft = $state.raw<Draft>(emptyDraft());
  /** Field key -> what the server found wrong with it. */
  errors = $state.raw<Record<string, string>>({});
  /** What the server found wrong outside the fields. */
  failures = $state.raw<string[]>([]);
  /** Field key -> the number that the latest render drew. */
  drawn = $state.raw<Record<string, string>>({});

  constructor(
    readonly form: Form,
    private readonly store: DraftStore = localDrafts,
  ) {
    this.draft = store.load(form.workflow);
  }

  value(field: FormField): string | boolean {
    return shownValue(field, this.draft);
  }

  text(field: FormField): string {
    return String(this.value(field));
  }

  random(field: FormField): boolean {
    return isRandom(field, this.draft);
  }

  bypassed(field: FormField): boolean {
    return isBypassed(field, this.draft);
  }

  error(field: FormField): string | undefined {
    return this.errors[field.key];
  }

  set(field: FormField, value: string | boolean): void {
    this.#change(field, { values: { ...this.draft.values, [field.key]: value } });
  }

  setRandom(field: FormField, random: boolean): void {
    this.#change(field, { random: { ...this.draft.random, [field.key]: random } });
  }

  setBypass(field: FormField, bypass: boolean): void {
    this.#change(field, { bypass: { ...this.draft.bypass, [field.key]: bypass } });
  }

  /** Keep a drawn number: no longer random, and this value. */
  keep(field: FormField, value: string): void {
    this.#change(field, {
      values: { ...this.draft.values, [field.key]: value },
      random: { ...this.draft.random, [field.key]: false },
    });
  }

  /** Replace everything; the draft that was there before. */
  replace(draft: Draft): Draft {
    const before = this.draft;
    this.errors = {};
    this.failures = [];
    this.draft = draft;
    this.store.save(this.form.workflow, draft);
    return before;
  }

  request(count: number): JobRequest {
    return renderRequest(this.form, this.draft, count);
  }

  /** Remember which numbers a render drew, to show and keep them. */
  noteDrawn(job: Job): void {
    const drawn = { ...this.drawn };
    for (const field of this.form.fields) {
      const value = job.values[field.key];
      if (this.random(field) && typeof value === 'number') drawn[field.key] = String(value);
    }
    this.drawn = drawn;
  }

  /** Take the server's findings: those of fields to the fields, the rest to the form. */
  refuse(fields: Record<string, string>, message: string): void {
    const known = new Set(this.form.fields.map((field) => field.key));
    const rest = Object.entries(fields).filter(([key]) => !known.has(key));
    this.errors = Object.fromEntries(Object.entries(fields).filter(([key]) => known.has(key)));
    const unplaced = rest.map(([key, text]) => `${key}: ${text}`);
    this.failures = Object.keys(this.errors).length > 0 ? unplaced : [message, ...unplaced];
  }

  accept(): void {
    this.errors = {};
    this.failures = [];
  }

  #change(field: FormField, change: Partial<Draft>): void {
    this.draft = { ...this.draft, ...change };
    this.store.save(this.form.workflow, this.draft);
    if (this.errors[field.key]) {
      this.errors = Object.fromEntries(Object.entries(this.errors).filter(([key]) => key !== field.key));
    }
  }
}
