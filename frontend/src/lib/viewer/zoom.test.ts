import { describe, expect, it } from 'vitest';
import { clampView, fitSize, mostZoom, tapZoom, WHOLE, zoomAt } from './zoom';

const stage = { width: 400, height: 800 };

describe('fitSize', () => {
  it.each([
    [
      { width: 800, height: 800 },
      { width: 400, height: 400 },
    ],
    [
      { width: 100, height: 400 },
      { width: 200, height: 800 },
    ],
    [
      { width: 0, height: 10 },
      { width: 0, height: 0 },
    ],
  ])('%j', (picture, fit) => expect(fitSize(picture, stage)).toEqual(fit));
});

describe('zooming', () => {
  it('keeps the point under the finger', () => {
    const before = { scale: 2, x: 30, y: -40 };
    const point = { x: 120, y: 75 };
    const after = zoomAt(before, 1.7, point, 10);
    expect(after.scale).toBeCloseTo(3.4);
    // The same place of the picture is under the point before and after.
    expect((point.x - after.x) / after.scale).toBeCloseTo((point.x - before.x) / before.scale);
    expect((point.y - after.y) / after.scale).toBeCloseTo((point.y - before.y) / before.scale);
  });
  it('ends where it ends', () => {
    expect(zoomAt(WHOLE, 0.2, { x: 9, y: 9 }, 4)).toEqual(WHOLE);
    expect(zoomAt(WHOLE, 99, { x: 0, y: 0 }, 4).scale).toBe(4);
  });
  it('goes by the pixels of the picture', () => {
    const fit = { width: 400, height: 400 };
    expect(mostZoom({ width: 4000, height: 4000 }, fit)).toBe(40);
    expect(mostZoom({ width: 64, height: 64 }, fit)).toBe(4);
    expect(tapZoom({ width: 4000, height: 4000 }, fit, 2)).toBe(5);
    expect(tapZoom({ width: 400, height: 400 }, fit, 1)).toBe(2.5);
  });
});

describe('clampView', () => {
  const fit = { width: 400, height: 400 };
  it('leaves no gap beside a large picture and centres a small one', () => {
    expect(clampView({ scale: 3, x: 999, y: -999 }, fit, stage, 10)).toEqual({ scale: 3, x: 400, y: -200 });
    expect(clampView({ scale: 1.5, x: 50, y: 50 }, fit, stage, 10)).toEqual({ scale: 1.5, x: 50, y: 0 });
    expect(clampView({ scale: 0.4, x: 50, y: 50 }, fit, stage, 10)).toEqual(WHOLE);
  });
});
