/** Where a picture is: pixels from the corner of what it is part of. */
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Pictures that were laid out together. */
export interface Arrangement {
  boxes: readonly Box[];
  height: number;
}

const TALLEST_ROW = 1.6;
const SHORTEST_ROW = 0.45;

/**
 * Lay pictures out in rows that fill `width`, all of about the height `target`: of all ways to break the rows, the one
 * whose heights differ least from it. `ratios` are width by height. A `ragged` arrangement may end in a shorter row.
 */
export function justify(
  ratios: readonly number[],
  width: number,
  target: number,
  gap: number,
  ragged: boolean,
): Arrangement {
  const count = ratios.length;
  const costs = new Float64Array(count + 1).fill(Infinity);
  const starts = new Int32Array(count + 1);
  costs[0] = 0;
  for (let end = 1; end <= count; end++) {
    let sum = 0;
    for (let start = end - 1; start >= 0; start--) {
      sum += ratios[start] ?? 1;
      const height = (width - gap * (end - start - 1)) / sum;
      const off = height / target - 1;
      const free = ragged && end === count && off > 0;
      const cost = (costs[start] ?? Infinity) + (free ? 0 : off > 0 ? off * off : 1.5 * off * off);
      if (cost < (costs[end] ?? Infinity)) {
        costs[end] = cost;
        starts[end] = start;
      }
      if (height < target * SHORTEST_ROW) break;
    }
  }
  const breaks = [count];
  while ((breaks[0] ?? 0) > 0) breaks.unshift(starts[breaks[0] ?? 0] ?? 0);
  const boxes: Box[] = [];
  let y = 0;
  for (let row = 1; row < breaks.length; row++) {
    const part = ratios.slice(breaks[row - 1], breaks[row]);
    const last = row === breaks.length - 1;
    y += placeRow(boxes, part, y, width, target * (ragged && last ? 1 : TALLEST_ROW), gap) + gap;
  }
  return { boxes, height: Math.max(0, y - gap) };
}

/** One row from the left edge to the right, or as far as it goes at the height `tallest`; its height. */
function placeRow(
  boxes: Box[],
  ratios: readonly number[],
  y: number,
  width: number,
  tallest: number,
  gap: number,
): number {
  const sum = ratios.reduce((total, ratio) => total + ratio, 0);
  const exact = Math.min(tallest, (width - gap * (ratios.length - 1)) / sum);
  const height = Math.max(1, Math.round(exact));
  let left = 0;
  let edge = 0;
  for (const ratio of ratios) {
    edge += ratio * exact;
    const x = Math.round(left);
    boxes.push({ x, y, width: Math.max(1, Math.round(edge) - x), height });
    edge += gap;
    left = edge;
  }
  return height;
}

/** Lay pictures out one below the other, as large as `width` and `tallest` allow, with `footer` pixels below each. */
export function stack(
  ratios: readonly number[],
  width: number,
  tallest: number,
  gap: number,
  footer: number,
): Arrangement {
  const boxes: Box[] = [];
  let y = 0;
  for (const ratio of ratios) {
    const wide = Math.round(Math.min(width, tallest * ratio));
    const height = Math.max(1, Math.round(wide / ratio));
    boxes.push({ x: Math.round((width - wide) / 2), y, width: wide, height: height + footer });
    y += height + footer + gap;
  }
  return { boxes, height: Math.max(0, y - gap) };
}

/** Files that belong together under one heading: those of a day or a month, or (without a date) all. */
export interface Group {
  key: string;
  date: string | null;
  unit: 'day' | 'month';
  start: number;
  count: number;
  /** Mean width by height, null where it is not known. */
  ratio: number | null;
}

interface Periods {
  unit: 'day' | 'month';
  periods: readonly { date: string; count: number; ratio: number | null }[];
  total: number;
  ratio: number | null;
}

const SPARSE = 6;

/**
 * The groups in which a timeline is shown. Only an order by time has headings; days with few files each are gathered
 * into months, so that there is not a heading for every other picture.
 */
export function groupsOf(timeline: Periods, sort: string): Group[] {
  const { total, ratio } = timeline;
  if (total === 0) return [];
  if (sort !== 'newest' && sort !== 'oldest') {
    return [{ key: 'all', date: null, unit: 'day', start: 0, count: total, ratio }];
  }
  let { periods, unit } = timeline;
  if (unit === 'day' && periods.length > 3 && periods.length > total / SPARSE) {
    unit = 'month';
    periods = byMonth(periods);
  }
  const ordered = sort === 'oldest' ? [...periods].reverse() : periods;
  let start = 0;
  return ordered.map((period) => {
    const group = { key: period.date, date: period.date, unit, start, count: period.count, ratio: period.ratio };
    start += period.count;
    return group;
  });
}

function byMonth(days: Periods['periods']): Periods['periods'] {
  const months = new Map<string, { date: string; count: number; sum: number; known: number }>();
  for (const { date, count, ratio } of days) {
    const name = `${date.slice(0, 7)}-01`;
    const month = months.get(name) ?? { date: name, count: 0, sum: 0, known: 0 };
    month.count += count;
    if (ratio !== null) {
      month.sum += ratio * count;
      month.known += count;
    }
    months.set(name, month);
  }
  return [...months.values()].map(({ date, count, sum, known }) => ({
    date,
    count,
    ratio: known ? sum / known : null,
  }));
}

/** A stretch of a group that is laid out by itself, so that nothing before or after it moves it. */
export interface Block {
  group: number;
  start: number;
  count: number;
  /** It ends its group. */
  last: boolean;
}

const BLOCK = 60;

/**
 * Divide groups into blocks. Where new files come first (`fromEnd`), blocks are counted off from the end of a group, so
 * that an arrival changes the first block only.
 */
export function blocksOf(groups: readonly Group[], fromEnd: boolean, size = BLOCK): Block[] {
  const blocks: Block[] = [];
  groups.forEach((group, number) => {
    const full = Math.max(1, Math.floor(group.count / size));
    const rest = group.count - full * size;
    const sizes = new Array<number>(full).fill(size);
    const odd = fromEnd ? 0 : full - 1;
    if (rest < 0 || (rest > 0 && rest < size / 3)) sizes[odd] = size + rest;
    else if (rest > 0) sizes.splice(fromEnd ? 0 : full, 0, rest);
    let start = group.start;
    for (const count of sizes) {
      blocks.push({ group: number, start, count, last: start + count === group.start + group.count });
      start += count;
    }
  });
  return blocks;
}

/** How a plan is to look. Lengths are in pixels. */
export interface Shape {
  mode: 'grid' | 'feed';
  width: number;
  /** Height of a row; in a feed, the tallest picture. */
  target: number;
  gap: number;
  heading: number;
  /** Below each picture of a feed. */
  footer: number;
}

const BETWEEN_GROUPS = 20;

interface Planned extends Block {
  top: number;
  arrangement: Arrangement;
  /** Made of the files' own ratios. */
  exact: boolean;
}

/**
 * Where everything is in a listing of which only a part is loaded. Blocks that are not are laid out by the mean of
 * their group; when they come to be known, `measure` corrects them.
 */
export class Plan {
  readonly blocks: Planned[];
  readonly #guesses = new Map<string, Arrangement>();

  constructor(
    readonly groups: readonly Group[],
    readonly shape: Shape,
    fromEnd: boolean,
    fallback: number,
  ) {
    this.blocks = blocksOf(groups, fromEnd).map((block) => ({
      ...block,
      top: 0,
      arrangement: this.#guess(block.count, groups[block.group]?.ratio ?? fallback, block.last),
      exact: false,
    }));
    this.flow();
  }

  get height(): number {
    const last = this.blocks.at(-1);
    return last ? last.top + last.arrangement.height : 0;
  }

  #guess(count: number, ratio: number, last: boolean): Arrangement {
    const rounded = Math.round(ratio * 50) / 50 || 0.02;
    const key = `${count} ${rounded} ${last ? 1 : 0}`;
    let found = this.#guesses.get(key);
    if (!found) {
      found = this.#arrange(new Array<number>(count).fill(rounded), last);
      this.#guesses.set(key, found);
    }
    return found;
  }

  #arrange(ratios: readonly number[], last: boolean): Arrangement {
    const { mode, width, target, gap, footer } = this.shape;
    return mode === 'feed' ? stack(ratios, width, target, gap, footer) : justify(ratios, width, target, gap, last);
  }

  /** Lay a block out by what its files are; `flow` has to follow. */
  measure(number: number, ratios: readonly number[]): void {
    const block = this.blocks[number];
    if (!block) return;
    block.arrangement = this.#arrange(ratios, block.last);
    block.exact = true;
  }

  /** Put the blocks below one another again. */
  flow(): void {
    const { gap, heading } = this.shape;
    let top = 0;
    let group = -1;
    for (const block of this.blocks) {
      if (block.group !== group) {
        if (group >= 0) top += BETWEEN_GROUPS;
        group = block.group;
        if (this.groups[group]?.date != null) top += heading;
      } else {
        top += gap;
      }
      block.top = top;
      top += block.arrangement.height;
    }
  }

  /** Where a group's heading begins. */
  topOf(group: number): number {
    const block = this.blocks[this.blockOf(this.groups[group]?.start ?? 0)];
    if (!block) return 0;
    return this.groups[group]?.date != null ? block.top - this.shape.heading : block.top;
  }

  /** The last block that begins at or above a height. */
  blockAt(y: number): number {
    return lastWhere(this.blocks, (block) => block.top <= y);
  }

  /** The block that has a file. */
  blockOf(index: number): number {
    return lastWhere(this.blocks, (block) => block.start <= index);
  }

  /** Where a file is. */
  boxOf(index: number): Box | null {
    const block = this.blocks[this.blockOf(index)];
    const box = block?.arrangement.boxes[index - block.start];
    return block && box ? { ...box, y: box.y + block.top } : null;
  }

  /** The first file that reaches below a height; the last file where none does. */
  indexAt(y: number): number {
    for (let number = this.blockAt(y); number < this.blocks.length; number++) {
      const block = this.blocks[number];
      if (!block) break;
      const found = block.arrangement.boxes.findIndex((box) => block.top + box.y + box.height > y);
      if (found >= 0) return block.start + found;
    }
    const last = this.blocks.at(-1);
    return last ? last.start + last.count - 1 : 0;
  }

  /** The last file that begins above a height; the first file where none does. */
  lastIndexAbove(y: number): number {
    const block = this.blocks[this.blockAt(y)];
    if (!block) return 0;
    const boxes = block.arrangement.boxes;
    for (let place = boxes.length - 1; place >= 0; place--) {
      if (block.top + (boxes[place]?.y ?? 0) < y) return block.start + place;
    }
    return Math.max(0, block.start - 1);
  }

  /** The file in the row above (-1) or below (1) that is nearest to one; itself where there is no such row. */
  neighbour(index: number, step: -1 | 1): number {
    const here = this.boxOf(index);
    if (!here) return index;
    const middle = here.x + here.width / 2;
    let best = index;
    let distance = Infinity;
    let row: number | null = null;
    for (let other = index + step; ; other += step) {
      const box = this.boxOf(other);
      const inside = other >= 0 && other < this.#count;
      if (!box || !inside) break;
      if (box.y === here.y) continue;
      row ??= box.y;
      if (box.y !== row) break;
      const away = Math.abs(box.x + box.width / 2 - middle);
      if (away < distance) [best, distance] = [other, away];
    }
    return best;
  }

  get #count(): number {
    const last = this.blocks.at(-1);
    return last ? last.start + last.count : 0;
  }
}

function lastWhere(blocks: readonly Planned[], holds: (block: Planned) => boolean): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const block = blocks[middle];
    if (block && holds(block)) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
