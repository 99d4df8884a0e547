const WIDTHS = [256, 384, 512, 768, 1024] as const;

/** The width to ask a thumbnail in: one of few, so that they are found in caches, and not coarser than the screen. */
export function thumbWidth(width: number, height: number, density: number): number {
  const side = Math.max(width, height) * Math.min(density, 2);
  return WIDTHS.find((known) => known >= side * 0.9) ?? WIDTHS[WIDTHS.length - 1] ?? 1024;
}

/** What a thumbhash (https://evanw.github.io/thumbhash/) tells of a picture's light and colours. */
interface Hash {
  /** Pixels, 0..255, three a place, row by row from the top. */
  pixels: Uint8Array;
  width: number;
  height: number;
}

type Channel = (position: number) => number;

/** Read a thumbhash; null for what is none. Transparency is left out: it lies on the page's own ground. */
export function readHash(text: string): Hash | null {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
  if (bytes.length < 5) return null;
  const byte: Channel = (place) => bytes[place] ?? 0;
  const head = byte(0) | (byte(1) << 8) | (byte(2) << 16);
  const more = byte(3) | (byte(4) << 8);
  const transparent = head >> 23 === 1;
  const landscape = more >> 15 === 1;
  const longest = transparent ? 5 : 7;
  const across = Math.max(3, landscape ? longest : more & 7);
  const down = Math.max(3, landscape ? more & 7 : longest);
  let nibble = transparent ? 12 : 10;
  /** The waves of a channel: its mean, then (across, down) by the order of the format. */
  const channel = (mean: number, scale: number, wide: number, high: number) => {
    const waves: [number, number, number][] = [[0, 0, mean]];
    for (let y = 0; y < high; y++) {
      for (let x = y === 0 ? 1 : 0; x * high < wide * (high - y); x++) {
        const value = (byte(nibble >> 1) >> ((nibble & 1) * 4)) & 15;
        nibble += 1;
        waves.push([x, y, (value / 7.5 - 1) * scale * 2]);
      }
    }
    return waves;
  };
  const light = channel((head & 63) / 63, ((head >> 18) & 31) / 31, across, down);
  const warmth = channel(((head >> 6) & 63) / 31.5 - 1, (((more >> 3) & 63) / 63) * 1.25, 3, 3);
  const tint = channel(((head >> 12) & 63) / 31.5 - 1, (((more >> 9) & 63) / 63) * 1.25, 3, 3);
  const ratio = across / down;
  const width = Math.round(ratio > 1 ? 16 : 16 * ratio);
  const height = Math.round(ratio > 1 ? 16 / ratio : 16);
  const pixels = new Uint8Array(width * height * 3);
  const cosines = (size: number) =>
    Array.from({ length: 7 }, (_, wave) =>
      Array.from({ length: size }, (__, place) => Math.cos((Math.PI / size) * (place + 0.5) * wave)),
    );
  const horizontal = cosines(width);
  const vertical = cosines(height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = (waves: readonly [number, number, number][]) =>
        waves.reduce(
          (total, [cx, cy, value]) => total + value * (horizontal[cx]?.[x] ?? 0) * (vertical[cy]?.[y] ?? 0),
          0,
        );
      const [l, p, q] = [sum(light), sum(warmth), sum(tint)];
      const blue = l - (2 / 3) * p;
      const red = (3 * l - blue + q) / 2;
      for (const value of [red, red - q, blue]) pixels[at++] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return { pixels, width, height };
}

/** A picture as a bitmap that a style can name, which a browser decodes at once. */
export function bitmap({ pixels, width, height }: Hash): string {
  const row = Math.ceil((width * 3) / 4) * 4;
  const bytes = new Uint8Array(54 + row * height);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x424d);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, 54, true);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, -height, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        bytes[54 + y * row + x * 3 + channel] = pixels[(y * width + x) * 3 + 2 - channel] ?? 0;
      }
    }
  }
  return `data:image/bmp;base64,${btoa(String.fromCharCode(...bytes))}`;
}

const MOST = 2000;
const known = new Map<string, string>();

/** What to paint where a picture with this thumbhash is about to appear: an address for `url(…)`, or nothing. */
export function placeholder(hash: string | null | undefined): string {
  if (!hash) return '';
  let found = known.get(hash);
  if (found === undefined) {
    const read = readHash(hash);
    found = read ? bitmap(read) : '';
    if (known.size >= MOST) known.clear();
    known.set(hash, found);
  }
  return found;
}
