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
import { readJson, writeJson } from '$lib/state/local';
import { MORE } from './sections';

/** A workflow's form as the user has filled it in. Every change is kept at once. */
export class FormState {
  form = $state.raw<Form>() as Form;
  draft = $state.raw<Draft>(emptyDraft());
  /** Field key -> what the server found wrong with it. */
  errors = $state.raw<Record<string, string>>({});
  /** What the server found wrong outside the fields. */
  failures = $state.raw<string[]>([]);
  /** Field key -> the number that the latest render drew. */
  drawn = $state.raw<Record<string, string>>({});
  /** What another device made of the form, or what gave way to it. */
  other = $state.raw<Draft | null>(null);
  /** How many renders at a time. */
  count = $state(1);
  /** Group name -> whether it is unfolded, where that was changed. */
  #open = $state.raw<Record<string, boolean>>({});

  constructor(
    form: Form,
    private readonly store: DraftStore = localDrafts,
  ) {
    this.form = form;
    this.draft = store.load(form.workflow);
    this.#open = (readJson(`groups.${form.workflow}`) ?? {}) as Record<string, boolean>;
  }

  /** The form has changed, as when the workflow or the engine did; what the user has set stays. */
  adopt(form: Form): void {
    if (this.form === form) return;
    this.form = form;
    const keys = new Set(form.fields.map((field) => field.key));
    this.errors = Object.fromEntries(Object.entries(this.errors).filter(([key]) => keys.has(key)));
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
    this.#change([field], { values: { ...this.draft.values, [field.key]: value } });
  }

  /** Set several fields in one go. */
  setAll(changes: readonly (readonly [FormField, string])[]): void {
    const values = Object.fromEntries(changes.map(([field, value]) => [field.key, value]));
    this.#change(
      changes.map(([field]) => field),
      { values: { ...this.draft.values, ...values } },
    );
  }

  setRandom(field: FormField, random: boolean): void {
    this.#change([field], { random: { ...this.draft.random, [field.key]: random } });
  }

  setBypass(field: FormField, bypass: boolean): void {
    this.#change([field], { bypass: { ...this.draft.bypass, [field.key]: bypass } });
  }

  /** Keep a drawn number: no longer random, and this value. */
  keep(field: FormField, value: string): void {
    this.#change([field], {
      values: { ...this.draft.values, [field.key]: value },
      random: { ...this.draft.random, [field.key]: false },
    });
  }

  /** Replace everything; the draft that was there before. */
  replace(draft: Draft): Draft {
    const before = this.draft;
    this.take(draft);
    this.store.save(this.form.workflow, draft);
    return before;
  }

  /** Show a draft that is kept already. */
  take(draft: Draft): void {
    this.accept();
    this.draft = draft;
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
    const groups = this.form.fields.filter((field) => this.errors[field.key]).map((field) => field.group ?? '');
    this.#open = { ...this.#open, ...Object.fromEntries(groups.map((group) => [group, true])) };
  }

  accept(): void {
    this.errors = {};
    this.failures = [];
  }

  /** Whether a group's fields are shown; those of little interest are folded away as long as nothing is wrong there. */
  isOpen(group: string): boolean {
    return (
      this.#open[group] ??
      (group !== MORE || this.form.fields.some((field) => field.group === MORE && this.isMissing(field)))
    );
  }

  /** The field is set to something that the engine does not offer. */
  isMissing(field: FormField): boolean {
    const value = this.text(field);
    return field.type === 'choice' && value !== '' && !!field.choices?.length && !field.choices.includes(value);
  }

  /** The workflow's own value may be missing, and the user has set another one that is there. */
  isReplaced(field: FormField): boolean {
    if (typeof field.default !== 'string' || field.default === '' || this.text(field) === field.default) return false;
    if (field.type === 'image') return this.text(field) !== '';
    return field.type === 'choice' && !field.choices?.includes(field.default) && !this.isMissing(field);
  }

  setOpen(group: string, open: boolean): void {
    this.#open = { ...this.#open, [group]: open };
    writeJson(`groups.${this.form.workflow}`, this.#open);
  }

  #change(fields: readonly FormField[], change: Partial<Draft>): void {
    this.draft = { ...this.draft, ...change };
    this.store.save(this.form.workflow, this.draft);
    const touched = new Set(fields.map((field) => field.key));
    if (fields.some((field) => this.errors[field.key])) {
      this.errors = Object.fromEntries(Object.entries(this.errors).filter(([key]) => !touched.has(key)));
    }
  }
}
