import { beforeEach, describe, expect, it } from 'vitest';
import { Gestures, type Listener } from './gestures';

let told: unknown[][] = [];
let zoomed = false;
const note =
  (name: string) =>
  (...values: unknown[]) =>
    void told.push([name, ...values]);
const listener: Listener = {
  zoomed: () => zoomed,
  pan: note('pan'),
  swipe: note('swipe'),
  swiped: note('swiped'),
  lift: note('lift'),
  lifted: note('lifted'),
  pinch: note('pinch'),
  settled: note('settled'),
  tap: ({ x, y }) => void told.push(['tap', x, y]),
  doubleTap: ({ x, y }) => void told.push(['doubleTap', x, y]),
};
let gestures = new Gestures(listener);
const names = () => told.map(([name]) => name);

beforeEach(() => {
  told = [];
  zoomed = false;
  gestures = new Gestures(listener);
});

function drag(steps: readonly (readonly [number, number])[], start = 0): void {
  steps.forEach(([x, y], index) => {
    if (index === 0) gestures.down(1, x, y, start);
    else gestures.move(1, x, y, start + index * 10);
  });
  gestures.up(1, start + steps.length * 10);
}

describe('one finger', () => {
  it('swipes', () => {
    drag([
      [100, 100],
      [80, 102],
      [40, 104],
    ]);
    expect(told).toEqual([
      ['swipe', -20],
      ['swipe', -60],
      ['swiped', -60, -3],
    ]);
  });
  it('lifts', () => {
    drag([
      [100, 100],
      [102, 130],
      [102, 190],
    ]);
    expect(names()).toEqual(['lift', 'lift', 'lifted']);
    expect(told.at(-1)?.[1]).toBe(90);
  });
  it('keeps its direction', () => {
    drag([
      [100, 100],
      [140, 100],
      [140, 300],
    ]);
    expect(names()).toEqual(['swipe', 'swipe', 'swiped']);
  });
  it('moves a picture that is zoomed in', () => {
    zoomed = true;
    drag([
      [100, 100],
      [110, 100],
      [115, 90],
    ]);
    expect(told).toEqual([['pan', 10, 0], ['pan', 5, -10], ['settled']]);
  });
  it('has come to rest before it lets go: no speed', () => {
    gestures.down(1, 0, 0, 0);
    gestures.move(1, 60, 0, 10);
    gestures.up(1, 500);
    expect(told.at(-1)).toEqual(['swiped', 60, 0]);
  });
  it('means nothing when the system takes it away', () => {
    gestures.down(1, 0, 0, 0);
    gestures.move(1, 60, 0, 10);
    gestures.cancel(1);
    expect(told.at(-1)).toEqual(['swiped', 0, 0]);
  });
});

describe('taps', () => {
  it('are told, and two of them in a place', () => {
    drag([[50, 50]]);
    drag([[54, 52]], 150);
    expect(told).toEqual([
      ['tap', 50, 50],
      ['doubleTap', 54, 52],
    ]);
    drag([[54, 52]], 300);
    expect(names()).toEqual(['tap', 'doubleTap', 'tap']);
  });
  it('are two when they are apart, in place or in time', () => {
    drag([[50, 50]]);
    drag([[150, 50]], 100);
    drag([[150, 50]], 900);
    expect(names()).toEqual(['tap', 'tap', 'tap']);
  });
  it('are no long press', () => {
    gestures.down(1, 5, 5, 0);
    gestures.up(1, 900);
    expect(told).toEqual([]);
  });
});

describe('two fingers', () => {
  it('pinch around the middle', () => {
    gestures.down(1, 100, 100, 0);
    gestures.down(2, 200, 100, 5);
    gestures.move(2, 300, 100, 10);
    expect(told).toEqual([['pinch', 2, { x: 200, y: 100 }, 50, 0]]);
    gestures.up(2, 20);
    gestures.move(1, 400, 400, 30);
    gestures.up(1, 40);
    expect(names()).toEqual(['pinch', 'settled']);
  });
  it('end a swipe that began with one', () => {
    gestures.down(1, 100, 100, 0);
    gestures.move(1, 130, 100, 10);
    gestures.down(2, 200, 100, 20);
    expect(names()).toEqual(['swipe', 'swiped']);
  });
  it('leave a third one out', () => {
    gestures.down(1, 0, 0, 0);
    gestures.down(2, 100, 0, 0);
    gestures.down(3, 50, 50, 0);
    gestures.move(3, 90, 90, 10);
    expect(told).toEqual([]);
  });
});
