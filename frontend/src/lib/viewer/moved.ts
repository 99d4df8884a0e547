import { itemKey, type ItemSequence } from '$lib/gallery/items';

const REACH = 200;

/** Where a file is now that was at a place: the nearest that is loaded; null when it is not around there any more. */
export function findMoved(items: ItemSequence, key: string, from: number): number | null {
  for (let distance = 0; distance <= REACH; distance++) {
    for (const place of new Set([from - distance, from + distance])) {
      const item = place >= 0 && place < items.total ? items.at(place) : null;
      if (item && itemKey(item) === key) return place;
    }
  }
  return null;
}
