import { describe, expect, it } from 'vitest';
import { moved, placeFor } from './order';

const IDS = ['a', 'b', 'c', 'd'];

/** What the server makes of it. */
function obeyed(ids: readonly string[], from: number, place: ReturnType<typeof placeFor>): string[] {
  const id = ids[from] ?? '';
  if (place === null) return [...ids];
  const rest = ids.filter((other) => other !== id);
  if ('to' in place) return place.to === 'front' ? [id, ...rest] : [...rest, id];
  const at = rest.indexOf(place.after) + 1;
  return [...rest.slice(0, at), id, ...rest.slice(at)];
}

describe('placeFor', () => {
  it('says the same as moving in the list, from everywhere to everywhere', () => {
    for (let from = 0; from < IDS.length; from++) {
      for (let to = 0; to < IDS.length; to++) {
        expect(obeyed(IDS, from, placeFor(IDS, from, to)), `${from} -> ${to}`).toEqual(moved(IDS, from, to));
      }
    }
  });
  it('stays within the list', () => {
    expect(placeFor(IDS, 1, -5)).toEqual({ to: 'front' });
    expect(placeFor(IDS, 1, 99)).toEqual({ to: 'end' });
    expect(placeFor(IDS, 9, 0)).toBeNull();
    expect(placeFor([], 0, 0)).toBeNull();
  });
});
