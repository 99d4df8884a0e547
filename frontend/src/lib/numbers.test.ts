import { describe, expect, it } from 'vitest';
import { hasSlider, nudge, randomWithin, stepOf } from './numbers';
import { field } from './testing';

const int = field({ type: 'int', min: 64, max: 2048, step: 8 });
const float = field({ type: 'float', min: 0, max: 1, step: 0.05 });
const free = field({ type: 'int' });

describe('stepOf', () => {
  it('is the field’s own, else fits its kind and range', () => {
    expect(stepOf(int)).toBe(8);
    expect(stepOf(free)).toBe(1);
    expect(stepOf(field({ type: 'float', min: 0, max: 20 }))).toBe(0.2);
    expect(stepOf(field({ type: 'float' }))).toBe(0.1);
  });
});

describe('hasSlider', () => {
  it('needs both bounds and a range that a thumb can aim at', () => {
    expect(hasSlider(int)).toBe(true);
    expect(hasSlider(free)).toBe(false);
    expect(hasSlider(field({ type: 'int', min: 0, max: 2 ** 53 }))).toBe(false);
  });
});

describe('nudge', () => {
  it('moves on the grid', () => {
    expect(nudge('512', int, 1)).toBe('520');
    expect(nudge('512', int, -10)).toBe('432');
    expect(nudge('515', int, 1)).toBe('520');
    expect(nudge('515', int, -1)).toBe('512');
  });
  it('stays within the bounds', () => {
    expect(nudge('2048', int, 1)).toBe('2048');
    expect(nudge('64', int, -1)).toBe('64');
    expect(nudge('9999', int, -1)).toBe('2048');
  });
  it('does not gather rounding errors', () => {
    let text = '0';
    for (let step = 0; step < 6; step++) text = nudge(text, float, 1);
    expect(text).toBe('0.3');
  });
  it('reads a decimal comma and starts at the bottom from what is no number', () => {
    expect(nudge('0,5', float, 1)).toBe('0.55');
    expect(nudge('', int, 1)).toBe('64');
    expect(nudge('many', free, 1)).toBe('0');
  });
});

describe('randomWithin', () => {
  it('reaches both ends and stays on the grid', () => {
    expect(randomWithin(int, () => 0)).toBe('64');
    expect(randomWithin(int, () => 1 - Number.EPSILON)).toBe('2048');
    expect((Number(randomWithin(int, () => 0.4321)) - 64) % 8).toBe(0);
  });
  it('never leaves what JSON carries exactly', () => {
    const seed = field({ type: 'int', min: 0, max: 18446744073709552000 });
    expect(Number.isSafeInteger(Number(randomWithin(seed, () => 1 - Number.EPSILON)))).toBe(true);
  });
});
