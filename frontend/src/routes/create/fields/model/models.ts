/** Which fields choose a model file, and what there is to know of one. */
import { address, exchange, get } from '$lib/api/client';
import type { FormField } from '$lib/api/types';
import type { components } from '$lib/api/schema';

export type ModelInfo = components['schemas']['ModelInfo'];

const BY_INPUT: Record<string, string> = {
  ckpt_name: 'checkpoints',
  unet_name: 'diffusion_models',
  vae_name: 'vae',
  lora_name: 'loras',
  clip_name: 'text_encoders',
  clip_name1: 'text_encoders',
  clip_name2: 'text_encoders',
  clip_name3: 'text_encoders',
  clip_name4: 'text_encoders',
  control_net_name: 'controlnet',
  style_model_name: 'style_models',
};
const BY_CLASS: readonly (readonly [RegExp, string])[] = [
  [/lora/i, 'loras'],
  [/upscalemodel/i, 'upscale_models'],
  [/clipvision/i, 'clip_vision'],
];
const FILE = /\.(safetensors|sft|ckpt|pth?|bin|gguf|onnx|pkl)$/i;
const NO_MODELS = new Set(['sampler', 'scheduler', 'samplers_list', 'schedulers_list', 'configs', 'none', '']);
const SOME = 50;

/** The kind of models that a field chooses from, as the engine calls its folders; null for all other fields. */
export function modelKind(field: FormField): string | null {
  if (field.type !== 'choice') return null;
  if (field.choice_type && !NO_MODELS.has(field.choice_type)) return field.choice_type;
  const named = BY_INPUT[field.input];
  if (named) return named;
  if (field.choice_type || !(field.choices ?? []).slice(0, SOME).some((choice) => FILE.test(choice))) return null;
  const text = `${field.class_type} ${field.input} ${field.label}`;
  return BY_CLASS.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** A name for people: that of the file without its folder and its ending. */
export function shortName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('/'), name.lastIndexOf('\\')) + 1).replace(FILE, '');
}

export function folderOf(name: string): string {
  const path = name.replaceAll('\\', '/');
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** The strength of a field's LoRA: numbers of the same node, that of the model first. */
export function strengthFields(field: FormField, fields: readonly FormField[]): FormField[] {
  const rank = (other: FormField) => (other.input === 'strength_model' ? 0 : 1);
  return fields
    .filter(
      (other) => other.node_id === field.node_id && other.type === 'float' && /strength|weight/i.test(other.input),
    )
    .sort((a, b) => rank(a) - rank(b));
}

const NEGATIVE = /negativ/i;

/** The form's prompt: its first long text that is no negative one. */
export function promptField(fields: readonly FormField[], negative = false): FormField | null {
  const texts = fields.filter((field) => field.type === 'string' && field.multiline);
  return texts.find((field) => NEGATIVE.test(`${field.key} ${field.label}`) === negative) ?? null;
}

const parts = (text: string) => text.split(',').map((part) => part.trim());

/** Whether all of the words stand in a prompt. */
export function hasWords(prompt: string, words: string): boolean {
  const there = new Set(parts(prompt).map((part) => part.toLowerCase()));
  return parts(words).every((part) => part === '' || there.has(part.toLowerCase()));
}

/** A prompt with words at its end, those left out that it has. */
export function withWords(prompt: string, words: string): string {
  const there = new Set(parts(prompt).map((part) => part.toLowerCase()));
  const fresh = parts(words).filter((part) => part !== '' && !there.has(part.toLowerCase()));
  if (fresh.length === 0) return prompt;
  const before = prompt.trimEnd();
  if (before === '') return fresh.join(', ');
  return `${before}${before.endsWith(',') ? ' ' : ', '}${fresh.join(', ')}`;
}

/** The models whose name, title, family or words have all that is sought. */
export function matching(names: readonly string[], known: ReadonlyMap<string, ModelInfo>, query: string): string[] {
  const sought = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (sought.length === 0) return [...names];
  return names.filter((name) => {
    const info = known.get(name);
    const text = [name, info?.title, info?.base_model, info?.author, ...(info?.trigger_words ?? [])];
    const line = text.join(' ').toLowerCase();
    return sought.every((word) => line.includes(word));
  });
}

/** The models of a kind by name. */
export async function fetchModels(kind: string, signal: AbortSignal): Promise<Map<string, ModelInfo>> {
  const { items } = await get('/cozygen/api/models/{kind}', { path: { kind }, signal });
  return new Map(items.map((item) => [item.name, item]));
}

/** One model; what is on another machine is asked for only now. */
export async function fetchModel(kind: string, name: string, signal: AbortSignal): Promise<ModelInfo> {
  const url = address('/cozygen/api/models/{kind}/info', { kind }, { name });
  return JSON.parse(await exchange(url, { headers: { Accept: 'application/json' } }, signal)) as ModelInfo;
}

/** The address of a model's picture; null where it has none. */
export function previewUrl(kind: string, info: ModelInfo | undefined, width: number): string | null {
  if (!info?.preview) return null;
  return address('/cozygen/api/models/{kind}/preview', { kind }, { name: info.name, w: width, v: info.preview });
}
