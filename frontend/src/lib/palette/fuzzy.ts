/** How well a text fits, and which of its characters were meant: `[from, to)` pairs in order. */
export interface Fit {
  score: number;
  ranges: [from: number, to: number][];
}

const LONGEST = 240;
const START = 8;
const RUN = 8;
const PLAIN = 1;
const GAP = 0.15;

/** Small letters without accents, as many as the text has characters. */
function folded(text: string): string[] {
  return [...text].map((character) => (character.normalize('NFD')[0] ?? character).toLowerCase());
}

const isWord = (character: string | undefined) => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/**
 * The best way to find all characters of `word` in this order in `text`: at the start of words and in a row rather
 * than scattered. Null where there is none. Time grows with the product of both lengths.
 */
function best(word: readonly string[], text: readonly string[]): { score: number; places: number[] } | null {
  const width = text.length;
  // ending[i][j]: the best score with the i-th character of the word at place j, and where the one before it stands.
  const scores: number[][] = [];
  const before: number[][] = [];
  for (let i = 0; i < word.length; i++) {
    const row = new Array<number>(width).fill(-Infinity);
    const from = new Array<number>(width).fill(-1);
    let apart = -Infinity; // the best of the row above that ends before the neighbour, less what the gap costs
    let apartAt = -1;
    for (let j = 0; j < width; j++) {
      apart -= GAP;
      const above = scores[i - 1];
      if (above && j >= 2 && (above[j - 2] ?? -Infinity) - GAP > apart) {
        apart = (above[j - 2] ?? -Infinity) - GAP;
        apartAt = j - 2;
      }
      if (word[i] !== text[j]) continue;
      const own = isWord(text[j]) && !isWord(text[j - 1]) ? START : PLAIN;
      if (!above) {
        row[j] = own - Math.min(j * GAP, 4);
        continue;
      }
      const joined = j > 0 ? (above[j - 1] ?? -Infinity) + RUN : -Infinity;
      const [score, place] = joined >= apart ? [joined, j - 1] : [apart, apartAt];
      row[j] = score + own;
      from[j] = place;
    }
    scores.push(row);
    before.push(from);
  }
  const last = scores.at(-1) ?? [];
  let at = last.reduce((found, score, place) => (score > (last[found] ?? -Infinity) ? place : found), 0);
  const score = last[at] ?? -Infinity;
  if (score === -Infinity) return null;
  const places: number[] = [];
  for (let i = word.length - 1; i >= 0; i--) {
    places.unshift(at);
    at = before[i]?.[at] ?? -1;
  }
  return { score, places };
}

/** How well `text` fits what was typed: each word somewhere, whatever the order. Null where one does not. */
export function fit(query: string, text: string): Fit | null {
  const letters = folded(text.slice(0, LONGEST));
  const words = query.trim().split(/\s+/).filter(Boolean);
  const places = new Set<number>();
  let score = 0;
  for (const word of words) {
    const sought = folded(word);
    const found = best(sought, letters);
    // Letters strewn over a long text are chance.
    if (!found || (sought.length > 2 && found.score < sought.length * 2.5)) return null;
    score += found.score / sought.length;
    found.places.forEach((place) => places.add(place));
  }
  return { score: words.length === 0 ? 0 : score / words.length - letters.length / 1000, ranges: runs(places, text) };
}

/** Neighbouring places as ranges, in UTF-16 units of `text`. */
function runs(places: ReadonlySet<number>, text: string): Fit['ranges'] {
  const ranges: Fit['ranges'] = [];
  let at = 0;
  [...text].forEach((character, place) => {
    const end = at + character.length;
    if (places.has(place)) {
      const last = ranges.at(-1);
      if (last?.[1] === at) last[1] = end;
      else ranges.push([at, end]);
    }
    at = end;
  });
  return ranges;
}

/** A text cut where ranges begin and end, with whether each part is in one. */
export function parts(text: string, ranges: Fit['ranges']): { text: string; hit: boolean }[] {
  const found: { text: string; hit: boolean }[] = [];
  let at = 0;
  for (const [from, to] of ranges) {
    if (from > at) found.push({ text: text.slice(at, from), hit: false });
    found.push({ text: text.slice(from, to), hit: true });
    at = to;
  }
  if (at < text.length) found.push({ text: text.slice(at), hit: false });
  return found;
}
