import type { Recipe, RecipeField, Told } from './api';

/** A value that a file was made with, for people. */
export interface Parameter {
  id: string;
  label: string;
  value: string;
}

/** The names of what every program has. */
export type Labels = Record<
  'model' | 'lora' | 'vae' | 'sampler' | 'scheduler' | 'steps' | 'cfg' | 'guidance' | 'seed' | 'size',
  string
>;

const MORE = 'more';
const SAME: Record<keyof Labels, RegExp> = {
  model: /model|checkpoint|unet/i,
  lora: /lora/i,
  vae: /vae/i,
  sampler: /sampler/i,
  scheduler: /scheduler/i,
  steps: /steps/i,
  cfg: /cfg|guidance/i,
  guidance: /cfg|guidance/i,
  seed: /seed/i,
  size: /size|resolution/i,
};

/** What a file was made with: what its program says, in one order for all, then the rest of its form. */
export function parametersOf(told: Told | null, recipe: Recipe | null, labels: Labels): Parameter[] {
  const fields = (recipe?.fields ?? []).filter((field) => !isPrompt(field));
  const general = generalOf(told, fields, labels);
  const rest = fields
    .filter((field) => field.group !== MORE && !general.some((known) => says(known, field)))
    .map((field) => ({ id: field.key, label: field.label, value: shown(field.value) }))
    .filter(({ value }) => value !== '');
  return [...general, ...withoutSides(rest, general)];
}

function isPrompt(field: RecipeField): boolean {
  return field.role === 'prompt' || field.role === 'negative';
}

function generalOf(told: Told | null, fields: readonly RecipeField[], labels: Labels): Parameter[] {
  const summary = told?.summary;
  if (!summary) return [];
  const found: Parameter[] = [];
  const add = (name: keyof Labels, value: string | number | null, id: string = name) => {
    if (value !== null && value !== '') found.push({ id, label: labels[name], value: String(value) });
  };
  summary.models.forEach((model, place) => add('model', model, `model${place}`));
  summary.loras.forEach((lora, place) => add('lora', strengthened(lora), `lora${place}`));
  add('vae', summary.vae && summary.models.includes(summary.vae) ? null : summary.vae);
  add('sampler', summary.sampler);
  add('scheduler', summary.scheduler);
  add('steps', summary.steps);
  add('cfg', summary.cfg);
  add('guidance', summary.guidance);
  add('seed', exactSeed(summary.seed, fields));
  add('size', summary.width && summary.height ? `${summary.width} × ${summary.height}` : null);
  return found;
}

function strengthened(lora: { name: string; strength_model: number | null; strength_clip: number | null }): string {
  const { name, strength_model: model, strength_clip: clip } = lora;
  if (model === null) return name;
  return clip === null || clip === model ? `${name} · ${model}` : `${name} · ${model} / ${clip}`;
}

/** JSON rounds large numbers; the form has the seed as it is. */
function exactSeed(seed: number | null, fields: readonly RecipeField[]): string | null {
  if (seed === null || Number.isSafeInteger(seed)) return seed === null ? null : String(seed);
  const exact = fields.find((field) => field.role === 'seed' && Number(field.value) === seed);
  return exact ? String(exact.value) : String(seed);
}

/** Whether a field of the form is what is said already. */
function says(known: Parameter, field: RecipeField): boolean {
  const name = known.id.replace(/\d+$/, '') as keyof Labels;
  const text = shown(field.value);
  const about = `${field.label} ${field.key}`;
  if (name === 'lora' && /strength/i.test(about))
    return known.value
      .split(/ · | \/ /)
      .slice(1)
      .includes(text);
  const same = known.value === text || known.value.startsWith(`${text} · `);
  return same && SAME[name].test(about);
}

function withoutSides(rest: readonly Parameter[], general: readonly Parameter[]): Parameter[] {
  const size = general.find(({ id }) => id === 'size')?.value.split(' × ');
  if (!size) return [...rest];
  return rest.filter(({ label, value }) => !(/width|height/i.test(label) && size.includes(value)));
}

/** A value as text. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
}

/** The prompts of a file: as typed where that is known, else as its program used them. */
export function promptsOf(told: Told | null, recipe: Recipe | null): { positive: string; negative: string } {
  const typed = (role: 'prompt' | 'negative') =>
    (recipe?.fields ?? [])
      .filter((field) => field.role === role && field.group !== MORE)
      .map((field) => shown(field.value))
      .filter(Boolean)
      .join('\n\n');
  return {
    positive: typed('prompt') || (told?.summary.positive ?? ''),
    negative: typed('negative') || (told?.summary.negative ?? ''),
  };
}

/** All of it as text, a line for each. */
export function asText(
  prompts: { positive: string; negative: string },
  parameters: readonly Parameter[],
  names: { prompt: string; negative: string },
): string {
  const lines = parameters.map(({ label, value }) => `${label}: ${value}`);
  if (prompts.negative) lines.unshift(`${names.negative}: ${prompts.negative}`);
  if (prompts.positive) lines.unshift(`${names.prompt}: ${prompts.positive}`);
  return lines.join('\n');
}

/** A line of a comparison: what each file has, and whether that is the same. */
export interface Difference {
  label: string;
  values: string[];
  same: boolean;
}

/** Several files value by value, those that differ first. A label that a file has twice is compared in its order. */
export function differences(files: readonly (readonly Parameter[])[]): Difference[] {
  const numbered = files.map((parameters) => {
    const seen = new Map<string, number>();
    return new Map(
      parameters.map(({ label, value }) => {
        const count = (seen.get(label) ?? 0) + 1;
        seen.set(label, count);
        return [count === 1 ? label : `${label} ${count}`, value];
      }),
    );
  });
  const labels = [...new Set(numbered.flatMap((values) => [...values.keys()]))];
  const lines = labels.map((label) => {
    const values = numbered.map((file) => file.get(label) ?? '');
    return { label, values, same: values.every((value) => value === values[0]) };
  });
  return [...lines.filter(({ same }) => !same), ...lines.filter(({ same }) => same)];
}
