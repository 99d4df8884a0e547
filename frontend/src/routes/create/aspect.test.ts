import { describe, expect, it } from 'vitest';
import { field } from '$lib/testing';
import { limits, ratioOf, reshape, round, sizePairs, swap, type Limits } from './aspect';

const side = (label: string, change = {}) => field({ key: label, label, type: 'int', min: 64, max: 2048, ...change });
const width = side('Width');
const height = side('Height');
const roomy: Limits = { width: [64, 2048], height: [64, 2048], multiple: 64 };

describe('sizePairs', () => {
  it.each([
    ['by their names', [width, height], [['Width', 'Height']]],
    ['of one thing', [side('Tile width'), height, side('Tile height')], [['Tile width', 'Tile height']]],
    ['not of randomised numbers', [side('Width', { can_randomize: true }), height], []],
    ['not alone', [width], []],
  ])('%s', (_, fields, expected) => {
    expect(sizePairs(fields).map((pair) => pair.map(({ key }) => key))).toEqual(expected);
  });

  it('belong to the same node where the node has both', () => {
    const native = (label: string, node_id: string) =>
      side(label, { key: `${node_id}.${label}`, node_id, input: label.toLowerCase() });
    const fields = [native('Width', '1'), native('Width', '2'), native('Height', '2'), native('Height', '1')];
    expect(sizePairs(fields).map(([, b]) => b.node_id)).toEqual(['1', '2']);
  });
});

describe('limits', () => {
  it('keep to a step that the multiple does not fit', () => {
    expect(limits(side('Width', { step: 8 }), height, 64).multiple).toBe(64);
    expect(limits(side('Width', { step: 10 }), height, 64).multiple).toBe(10);
  });
});

describe('reshape', () => {
  it('keeps the area', () => {
    expect(reshape({ width: 1024, height: 1024 }, [16, 9], true, roomy)).toEqual({ width: 1344, height: 768 });
  });
  it('keeps standing pictures standing', () => {
    expect(reshape({ width: 512, height: 768 }, [16, 9], true, { ...roomy, multiple: 8 })).toEqual({
      width: 472,
      height: 840,
    });
  });
  it('keeps the width', () => {
    expect(reshape({ width: 1024, height: 512 }, [1, 1], false, roomy)).toEqual({ width: 1024, height: 1024 });
  });
  it('stays within the bounds, in shape', () => {
    const tight: Limits = { width: [64, 768], height: [64, 768], multiple: 8 };
    expect(reshape({ width: 768, height: 768 }, [16, 9], true, tight)).toEqual({ width: 768, height: 432 });
  });
});

it('swaps', () => expect(swap({ width: 300, height: 200 }, roomy)).toEqual({ width: 200, height: 300 }));
it('rounds', () => expect(round({ width: 500, height: 90 }, roomy)).toEqual({ width: 512, height: 64 }));
it.each([
  [1024, 1024, [1, 1]],
  [768, 1344, [16, 9]],
  [768, 512, [3, 2]],
  [2048, 64, null],
  [0, 64, null],
])('%d × %d has the ratio %j', (w, h, ratio) => expect(ratioOf({ width: w, height: h })).toEqual(ratio));
