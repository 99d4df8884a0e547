import { describe, expect, it } from 'vitest';
import { bitmap, placeholder, readHash, thumbWidth } from './thumbs';

const code = (...bytes: number[]) => btoa(String.fromCharCode(...bytes));

/** A thumbhash of one colour: a mean, and waves of no height. */
function plain(light: number, warmth: number, tint: number): string {
  const head = light | (warmth << 6) | (tint << 12);
  const more = 7 | (1 << 15);
  return code(head & 255, (head >> 8) & 255, head >> 16, more & 255, more >> 8, ...new Array<number>(19).fill(0x88));
}

describe('thumbhash', () => {
  it('reads a plain grey', () => {
    const read = readHash(plain(32, 31, 31));
    expect(read?.width).toBe(16);
    for (const value of read?.pixels ?? []) expect(Math.abs(value - 130)).toBeLessThan(5);
  });

  it('tells warm from cold', () => {
    const warm = readHash(plain(32, 50, 31))?.pixels ?? [];
    const cold = readHash(plain(32, 12, 31))?.pixels ?? [];
    expect(warm[0]).toBeGreaterThan(warm[2] ?? 255);
    expect(cold[0]).toBeLessThan(cold[2] ?? 0);
  });

  it('becomes a bitmap', () => {
    const read = { pixels: new Uint8Array([255, 0, 0, 0, 0, 255]), width: 2, height: 1 };
    const bytes = atob(bitmap(read).split(',')[1] ?? '');
    expect(bytes.slice(0, 2)).toBe('BM');
    expect([...bytes.slice(54, 60)].map((character) => character.charCodeAt(0))).toEqual([0, 0, 255, 255, 0, 0]);
  });

  it.each(['', 'no base64!', code(1, 2)])('paints nothing for %j', (text) => expect(placeholder(text)).toBe(''));
});

it.each([
  [150, 220, 1, 256],
  [150, 220, 2, 512],
  [400, 260, 2, 768],
  [2000, 900, 3, 1024],
])('a box of %i × %i at %i is asked at %i', (width, height, density, wanted) =>
  expect(thumbWidth(width, height, density)).toBe(wanted),
);
