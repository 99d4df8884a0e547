import type { FormField } from '$lib/api/types';

const WIDTH = /\b(width|breite)\b/i;
const HEIGHT = /\b(height|höhe)\b/i;

/** A picture's size in pixels. */
export interface Size {
  width: number;
  height: number;
}

/** What each side may be: its bounds, and what it is a multiple of. */
export interface Limits {
  width: readonly [number, number];
  height: readonly [number, number];
  multiple: number;
}

export const RATIOS = [
  [1, 1],
  [5, 4],
  [4, 3],
  [3, 2],
  [16, 9],
  [21, 9],
] as const;

export type Ratio = (typeof RATIOS)[number];

/** What models like the sides of a picture to be multiples of. */
export const MULTIPLES = [8, 16, 32, 64] as const;

/** The whole numbers among the fields that are the width and the height of one picture. */
export function sizePairs(fields: readonly FormField[]): [FormField, FormField][] {
  const whole = fields.filter((field) => field.type === 'int' && !field.can_randomize);
  const about = (field: FormField, side: RegExp) => field.label.replace(side, ' ').trim().toLowerCase();
  const belong = (width: FormField, height: FormField) =>
    HEIGHT.test(height.label) &&
    about(height, HEIGHT) === about(width, WIDTH) &&
    (width.input !== 'width' || width.node_id === height.node_id);
  return whole
    .filter((field) => WIDTH.test(field.label))
    .map((width): [FormField, FormField | undefined] => [width, whole.find((field) => belong(width, field))])
    .filter((pair): pair is [FormField, FormField] => pair[1] !== undefined);
}

/** What two fields allow, with sides that are multiples of `multiple` where their steps agree. */
export function limits(width: FormField, height: FormField, multiple: number): Limits {
  const bounds = (field: FormField) => [Math.max(1, field.min ?? 1), field.max ?? 16_384] as const;
  const step = Math.max(1, width.step ?? 1, height.step ?? 1);
  return {
    width: bounds(width),
    height: bounds(height),
    multiple: multiple % step === 0 ? multiple : step,
  };
}

function snap(value: number, [low, high]: readonly [number, number], multiple: number): number {
  const [first, last] = [Math.ceil(low / multiple), Math.floor(high / multiple)];
  if (first > last) return Math.round(Math.min(high, Math.max(low, value)));
  return Math.min(last, Math.max(first, Math.round(value / multiple))) * multiple;
}

/**
 * `size` in another shape, lying or standing as it was: of the same area, or of the same width. A side that would
 * leave its bounds takes the other with it.
 */
export function reshape(size: Size, [long, short]: Ratio, keepArea: boolean, allowed: Limits): Size {
  const ratio = size.height > size.width ? short / long : long / short;
  const wanted = keepArea ? Math.sqrt(size.width * size.height * ratio) : size.width;
  const [low, high] = [
    Math.max(allowed.width[0], allowed.height[0] * ratio),
    Math.min(allowed.width[1], allowed.height[1] * ratio),
  ];
  const width = Math.max(low, Math.min(high, wanted));
  return {
    width: snap(width, allowed.width, allowed.multiple),
    height: snap(width / ratio, allowed.height, allowed.multiple),
  };
}

/** Width and height the other way round. */
export function swap(size: Size, allowed: Limits): Size {
  return {
    width: snap(size.height, allowed.width, 1),
    height: snap(size.width, allowed.height, 1),
  };
}

/** Both sides at the nearest multiples. */
export function round(size: Size, allowed: Limits): Size {
  return {
    width: snap(size.width, allowed.width, allowed.multiple),
    height: snap(size.height, allowed.height, allowed.multiple),
  };
}

/** The ratio that a size has, as near as multiples allow. */
export function ratioOf(size: Size): Ratio | null {
  const [long, short] = [Math.max(size.width, size.height), Math.min(size.width, size.height)];
  if (!(short > 0)) return null;
  const off = ([a, b]: Ratio) => Math.abs(long / short / (a / b) - 1);
  const nearest = RATIOS.reduce((best, ratio) => (off(ratio) < off(best) ? ratio : best));
  return off(nearest) < 0.035 ? nearest : null;
}
