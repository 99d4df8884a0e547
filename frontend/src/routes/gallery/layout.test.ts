import { describe, expect, it } from 'vitest';
import { blocksOf, groupsOf, justify, Plan, stack, type Group, type Shape } from './layout';

/** Numbers that look random and are the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

const ratiosOf = (count: number, seed: number) => {
  const next = numbers(seed);
  return Array.from({ length: count }, () => 0.3 + next() * 2);
};

describe('justify', () => {
  it.each([1, 2, 3, 4, 5])('fills every row from edge to edge (%i)', (seed) => {
    const { boxes, height } = justify(ratiosOf(60, seed), 1000, 200, 4, false);
    for (const y of new Set(boxes.map((box) => box.y))) {
      const row = boxes.filter((box) => box.y === y);
      expect(row[0]?.x).toBe(0);
      const last = row.at(-1);
      expect((last?.x ?? 0) + (last?.width ?? 0)).toBe(1000);
      row.slice(1).forEach((box, place) => {
        const before = row[place];
        expect(box.x - (before?.x ?? 0) - (before?.width ?? 0)).toBeGreaterThanOrEqual(3);
      });
      expect(row[0]?.height).toBeGreaterThan(100);
      expect(row[0]?.height).toBeLessThanOrEqual(320);
    }
    expect(height).toBe(Math.max(...boxes.map((box) => box.y + box.height)));
  });

  it('keeps the shape of pictures', () => {
    const ratios = ratiosOf(40, 7);
    const { boxes } = justify(ratios, 1200, 220, 4, false);
    boxes.forEach((box, place) => expect(box.width / box.height).toBeCloseTo(ratios[place] ?? 0, 1));
  });

  it('leaves a last picture at its height instead of blowing it up', () => {
    const { boxes } = justify([1], 1000, 200, 4, true);
    expect(boxes).toEqual([{ x: 0, y: 0, width: 200, height: 200 }]);
  });

  it('takes nothing, and a panorama', () => {
    expect(justify([], 1000, 200, 4, true)).toEqual({ boxes: [], height: 0 });
    expect(justify([5, 5], 390, 168, 4, true).boxes.every((box) => box.width <= 390)).toBe(true);
  });
});

it('a feed has one picture below the other, none larger than the screen', () => {
  const { boxes, height } = stack([2, 0.5], 800, 600, 20, 50);
  expect(boxes).toEqual([
    { x: 0, y: 0, width: 800, height: 450 },
    { x: 250, y: 470, width: 300, height: 650 },
  ]);
  expect(height).toBe(1120);
});

const days = (...counts: number[]) => ({
  unit: 'day' as const,
  periods: counts.map((count, place) => ({ date: `2026-10-${String(28 - place).padStart(2, '0')}`, count, ratio: 1 })),
  total: counts.reduce((sum, count) => sum + count, 0),
  ratio: 1,
});

describe('groups', () => {
  it('are days, in the order that is shown', () => {
    expect(groupsOf(days(20, 30), 'newest').map(({ date, start, count }) => [date, start, count])).toEqual([
      ['2026-10-28', 0, 20],
      ['2026-10-27', 20, 30],
    ]);
    expect(groupsOf(days(20, 30), 'oldest').map(({ date, start }) => [date, start])).toEqual([
      ['2026-10-27', 0],
      ['2026-10-28', 30],
    ]);
  });

  it('are months where days have few files', () => {
    expect(groupsOf(days(1, 2, 1, 1), 'newest')).toEqual([
      { key: '2026-10-01', date: '2026-10-01', unit: 'month', start: 0, count: 5, ratio: 1 },
    ]);
  });

  it('are none where the order is another', () => {
    expect(groupsOf(days(20, 30), 'name').map(({ date, count }) => [date, count])).toEqual([[null, 50]]);
    expect(groupsOf(days(), 'newest')).toEqual([]);
  });
});

describe('blocks', () => {
  const group = (start: number, count: number): Group => ({
    key: String(start),
    date: '2026-10-01',
    unit: 'day',
    start,
    count,
    ratio: 1,
  });

  it.each([1, 7, 59, 60, 61, 79, 80, 81, 119, 120, 500])('cover %i files without a gap', (count) => {
    for (const fromEnd of [true, false]) {
      const blocks = blocksOf([group(0, count), group(count, 5)], fromEnd);
      let at = 0;
      for (const block of blocks) {
        expect(block.start).toBe(at);
        expect(block.count).toBeGreaterThan(0);
        at += block.count;
      }
      expect(at).toBe(count + 5);
    }
  });

  it('stay the same but for the first when files arrive', () => {
    const before = blocksOf([group(0, 200)], true).map((block) => 200 - block.start);
    const after = blocksOf([group(0, 203)], true).map((block) => 203 - block.start);
    expect(after.slice(1)).toEqual(before.slice(1));
  });
});

describe('a plan', () => {
  const shape: Shape = { mode: 'grid', width: 1000, target: 200, gap: 4, heading: 48, footer: 0 };
  const groups = groupsOf(days(150, 90, 3), 'newest');
  const plan = () => new Plan(groups, shape, true, 1);

  it('finds each file where it is', () => {
    const made = plan();
    for (const index of [0, 1, 77, 149, 150, 242]) {
      const box = made.boxOf(index);
      expect(box).not.toBeNull();
      expect(made.indexAt((box?.y ?? 0) + (box?.height ?? 0) - 1)).toBeLessThanOrEqual(index);
      expect(made.lastIndexAbove((box?.y ?? 0) + 1)).toBeGreaterThanOrEqual(index);
    }
    expect(made.boxOf(243)).toBeNull();
    expect(made.indexAt(1e9)).toBe(242);
    expect(made.lastIndexAbove(-5)).toBe(0);
  });

  it('keeps what is above where it is when what is below is measured', () => {
    const made = plan();
    const before = [made.topOf(0), made.boxOf(0)?.y, made.topOf(2)];
    const block = made.blockOf(150);
    made.measure(
      block,
      ratiosOf(made.blocks[block]?.count ?? 0, 3).map((ratio) => ratio / 3),
    );
    made.flow();
    expect([made.topOf(0), made.boxOf(0)?.y]).toEqual(before.slice(0, 2));
    expect(made.topOf(2)).not.toBe(before[2]);
    expect(made.height).toBeGreaterThan(made.topOf(2));
  });

  it('goes to the nearest file of the next row', () => {
    const made = plan();
    const here = made.boxOf(2);
    const below = made.boxOf(made.neighbour(2, 1));
    expect(below?.y).toBeGreaterThan(here?.y ?? 0);
    expect(Math.abs((below?.x ?? 0) - (here?.x ?? 0))).toBeLessThan(200);
    expect(made.neighbour(made.neighbour(2, 1), -1)).toBe(2);
    expect(made.neighbour(0, -1)).toBe(0);
  });
});
