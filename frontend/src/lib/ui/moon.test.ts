import { expect, it } from 'vitest';
import { moonPath } from './moon';

it('waxes from nothing over the half to the whole', () => {
  expect(moonPath(0)).toBe('M12 3A9 9 0 0 1 12 21A9 9 0 0 0 12 3Z');
  expect(moonPath(0.5)).toBe('M12 3A9 9 0 0 1 12 21A0 9 0 0 1 12 3Z');
  expect(moonPath(1)).toBe('M12 3A9 9 0 0 1 12 21A9 9 0 0 1 12 3Z');
});

it('stays a moon outside 0..1', () => {
  expect(moonPath(-1)).toBe(moonPath(0));
  expect(moonPath(7)).toBe(moonPath(1));
});
