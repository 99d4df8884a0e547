import { describe, expect, it } from 'vitest';
import {
  apply,
  HANDLES,
  inverse,
  isUntouched,
  mirror,
  moved,
  placing,
  resized,
  rounded,
  turn,
  turnedSize,
  untouched,
  withRatio,
} from './geometry';

const SIZE = { width: 40, height: 30 };
const CROP = { x: 4, y: 6, width: 10, height: 8 };

describe('turning and mirroring', () => {
  it('comes back to where it was', () => {
    const start = { ...untouched(SIZE), crop: CROP };
    let four = start;
    for (let count = 0; count < 4; count++) four = turn(four, SIZE);
    expect(four).toEqual(start);
    for (const upright of [true, false]) expect(mirror(mirror(start, SIZE, upright), SIZE, upright)).toEqual(start);
  });

  it('keeps the crop on the same pixels', () => {
    const inside = (x: number, y: number) => x >= 0 && y >= 0 && x <= CROP.width && y <= CROP.height;
    const start = { ...untouched(SIZE), crop: CROP };
    const ways = [turn(start, SIZE), mirror(start, SIZE, true), turn(mirror(turn(start, SIZE), SIZE, false), SIZE)];
    for (const geometry of ways) {
      const [x, y] = apply(placing(SIZE, geometry), CROP.x + 1, CROP.y + 1);
      expect(inside(Math.min(x, y), 0) && x <= geometry.crop.width && y <= geometry.crop.height).toBe(true);
    }
  });

  it('turns the top left corner to the top right', () => {
    expect(apply(placing(SIZE, turn(untouched(SIZE), SIZE)), 0, 0)).toEqual([30, 0]);
    expect(turnedSize(SIZE, { turns: 1, mirrored: false, crop: CROP })).toEqual({ width: 30, height: 40 });
  });

  it('has an inverse', () => {
    const matrix = placing(SIZE, turn(mirror({ ...untouched(SIZE), crop: CROP }, SIZE, true), SIZE), undefined, 3);
    const [x, y] = apply(inverse(matrix), ...apply(matrix, 7, 11));
    expect([x, y].map(Math.round)).toEqual([7, 11]);
  });

  it('knows when nothing was done', () => {
    expect(isUntouched(untouched(SIZE), SIZE)).toBe(true);
    expect(isUntouched({ ...untouched(SIZE), crop: CROP }, SIZE)).toBe(false);
    expect(isUntouched(turn(untouched(SIZE), SIZE), SIZE)).toBe(false);
  });
});

describe('cropping', () => {
  it('stays within the picture and keeps its ratio, wherever it is pulled', () => {
    for (const handle of HANDLES)
      for (const ratio of [null, 1, 16 / 9])
        for (const distance of [-500, -3, 0, 7, 500]) {
          const { x, y, width, height } = resized(CROP, handle, distance, -distance, SIZE, ratio);
          expect(Math.min(x, y)).toBeGreaterThanOrEqual(-1e-9);
          expect(x + width).toBeLessThanOrEqual(SIZE.width + 1e-9);
          expect(y + height).toBeLessThanOrEqual(SIZE.height + 1e-9);
          expect(Math.min(width, height)).toBeGreaterThan(0);
          if (ratio !== null) expect(width / height).toBeCloseTo(ratio);
        }
  });

  it('moves up to the edges', () => {
    expect(moved(CROP, 999, -999, SIZE)).toEqual({ ...CROP, x: 30, y: 0 });
  });

  it('takes a ratio around its middle', () => {
    expect(withRatio({ x: 0, y: 0, width: 40, height: 30 }, 1)).toEqual({ x: 5, y: 0, width: 30, height: 30 });
  });

  it('is never empty in whole pixels', () => {
    expect(rounded({ x: 39.9, y: -2, width: 0.1, height: 99 }, SIZE)).toEqual({ x: 39, y: 0, width: 1, height: 30 });
  });
});
