import { describe, expect, it } from 'vitest';
import { landing } from './dragging';

describe('landing', () => {
  it.each([
    [0, 2, true, 2],
    [0, 2, false, 1],
    [2, 0, false, 0],
    [2, 0, true, 1],
    [1, 1, true, 1],
    [1, 1, false, 1],
    [1, 0, true, 1],
  ])('%i over %i, behind: %s', (id, over, behind, to) => expect(landing(id, over, behind)).toBe(to));
});
