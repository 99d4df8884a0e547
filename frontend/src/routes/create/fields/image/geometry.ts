/** Cropping, turning and mirroring of a picture. All lengths are pixels. */

export interface Size {
  width: number;
  height: number;
}

export interface Rect extends Size {
  x: number;
  y: number;
}

/** Turned clockwise by `turns` quarters, then mirrored left to right, then cropped. */
export interface Geometry {
  turns: number;
  mirrored: boolean;
  crop: Rect;
}

/** As the canvas has it: x' = a·x + c·y + e, y' = b·x + d·y + f. */
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** An edge or a corner of the crop: letters of the sides that move. */
export type Handle = 'nw' | 'n' | 'ne' | 'e' | 'se' | 's' | 'sw' | 'w';

export const HANDLES: readonly Handle[] = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'];

/** The smallest side of a crop. */
export const LEAST = 8;

const clamp = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));

export const whole = ({ width, height }: Size): Rect => ({ x: 0, y: 0, width, height });

export const untouched = (size: Size): Geometry => ({ turns: 0, mirrored: false, crop: whole(size) });

/** The picture's size once it is turned. */
export function turnedSize({ width, height }: Size, { turns }: Geometry): Size {
  return turns % 2 === 0 ? { width, height } : { width: height, height: width };
}

export function isUntouched(geometry: Geometry, size: Size): boolean {
  const { x, y, width, height } = rounded(geometry.crop, turnedSize(size, geometry));
  const all = x === 0 && y === 0 && width === turnedSize(size, geometry).width;
  return geometry.turns === 0 && !geometry.mirrored && all && height === size.height;
}

/** From the picture to the turned and mirrored one. */
export function turning(size: Size, { turns, mirrored }: Geometry): Matrix {
  const { width, height } = size;
  const quarters: readonly Matrix[] = [
    [1, 0, 0, 1, 0, 0],
    [0, 1, -1, 0, height, 0],
    [-1, 0, 0, -1, width, height],
    [0, -1, 1, 0, 0, width],
  ];
  const [a, b, c, d, e, f] = quarters[turns] as Matrix;
  const across = turns % 2 === 0 ? width : height;
  return mirrored ? [-a, b, -c, d, across - e, f] : [a, b, c, d, e, f];
}

/** From the picture to the cropped one, `scale` times as large. */
export function placing(size: Size, geometry: Geometry, crop: Rect = geometry.crop, scale = 1): Matrix {
  const [a, b, c, d, e, f] = turning(size, geometry);
  return [a * scale, b * scale, c * scale, d * scale, (e - crop.x) * scale, (f - crop.y) * scale];
}

export function apply([a, b, c, d, e, f]: Matrix, x: number, y: number): [number, number] {
  return [a * x + c * y + e, b * x + d * y + f];
}

/** The other way round. */
export function inverse([a, b, c, d, e, f]: Matrix): Matrix {
  const area = a * d - b * c;
  return [d / area, -b / area, -c / area, a / area, (c * f - d * e) / area, (b * e - a * f) / area];
}

/** A quarter to the right, as one sees it; the crop turns with the picture. */
export function turn(geometry: Geometry, size: Size): Geometry {
  const { x, y, width, height } = geometry.crop;
  const before = turnedSize(size, geometry);
  return {
    turns: (geometry.turns + (geometry.mirrored ? 3 : 1)) % 4,
    mirrored: geometry.mirrored,
    crop: { x: before.height - y - height, y: x, width: height, height: width },
  };
}

/** Left to right, or upside down. */
export function mirror(geometry: Geometry, size: Size, upright: boolean): Geometry {
  const { crop } = geometry;
  const all = turnedSize(size, geometry);
  return {
    turns: upright ? (geometry.turns + 2) % 4 : geometry.turns,
    mirrored: !geometry.mirrored,
    crop: upright ? { ...crop, y: all.height - crop.y - crop.height } : { ...crop, x: all.width - crop.x - crop.width },
  };
}

/** The crop moved, within the picture. */
export function moved(crop: Rect, dx: number, dy: number, all: Size): Rect {
  return {
    ...crop,
    x: clamp(crop.x + dx, 0, all.width - crop.width),
    y: clamp(crop.y + dy, 0, all.height - crop.height),
  };
}

/** The crop with one edge or corner moved; `ratio` (width / height) is kept where there is one. */
export function resized(crop: Rect, handle: Handle, dx: number, dy: number, all: Size, ratio: number | null): Rect {
  const least = Math.min(LEAST, all.width, all.height);
  let [left, top, right, bottom] = [crop.x, crop.y, crop.x + crop.width, crop.y + crop.height];
  if (handle.includes('w')) left = clamp(left + dx, 0, right - least);
  if (handle.includes('e')) right = clamp(right + dx, left + least, all.width);
  if (handle.includes('n')) top = clamp(top + dy, 0, bottom - least);
  if (handle.includes('s')) bottom = clamp(bottom + dy, top + least, all.height);
  let [width, height] = [right - left, bottom - top];
  if (ratio === null) return { x: left, y: top, width, height };

  if (handle === 'n' || handle === 's') width = height * ratio;
  else if (handle !== 'e' && handle !== 'w') width = Math.max(width, height * ratio);
  height = width / ratio;
  const middle = { x: crop.x + crop.width / 2, y: crop.y + crop.height / 2 };
  const room = (low: string, high: string, from: number, to: number, centre: number, end: number) =>
    handle.includes(low) ? to : handle.includes(high) ? end - from : 2 * Math.min(centre, end - centre);
  const wide = room('w', 'e', left, right, middle.x, all.width);
  const tall = room('n', 's', top, bottom, middle.y, all.height);
  const fit = Math.min(1, wide / width, tall / height);
  width *= fit;
  height *= fit;
  const x = handle.includes('w') ? right - width : handle.includes('e') ? left : middle.x - width / 2;
  const y = handle.includes('n') ? bottom - height : handle.includes('s') ? top : middle.y - height / 2;
  return { x, y, width, height };
}

/** The largest crop of a ratio within the one there is, around its middle. */
export function withRatio(crop: Rect, ratio: number): Rect {
  const width = Math.min(crop.width, crop.height * ratio);
  const height = width / ratio;
  return { x: crop.x + (crop.width - width) / 2, y: crop.y + (crop.height - height) / 2, width, height };
}

/** The crop in whole pixels, within the picture and never empty. */
export function rounded(crop: Rect, all: Size): Rect {
  const x = clamp(Math.round(crop.x), 0, all.width - 1);
  const y = clamp(Math.round(crop.y), 0, all.height - 1);
  return {
    x,
    y,
    width: clamp(Math.round(crop.x + crop.width) - x, 1, all.width - x),
    height: clamp(Math.round(crop.y + crop.height) - y, 1, all.height - y),
  };
}

/** How many times as large as the picture it is shown, to fit into a box. */
export function fitting(size: Size, box: Size): number {
  return Math.max(Math.min(box.width / size.width, box.height / size.height), 1e-4);
}
