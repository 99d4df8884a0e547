import { readText, writeText } from '$lib/state/local';

/** Heights of a row in pixels, on a desktop and on a phone. */
export const SIZES = [
  { wide: 130, narrow: 84 },
  { wide: 190, narrow: 116 },
  { wide: 250, narrow: 168 },
  { wide: 340, narrow: 240 },
] as const;

const KEY = 'gallery-size';
const USUAL = 2;
const NARROW = '(max-width: 47.99rem)';

/** How large pictures are in the grid, kept in this browser. */
class Size {
  step = $state(USUAL);
  #narrow = $state(false);

  constructor() {
    const stored = Number(readText(KEY) ?? USUAL);
    if (SIZES[stored]) this.step = stored;
    const query = matchMedia(NARROW);
    this.#narrow = query.matches;
    query.addEventListener('change', () => (this.#narrow = query.matches));
  }

  get rowHeight(): number {
    const { wide, narrow } = SIZES[this.step] ?? SIZES[USUAL];
    return this.#narrow ? narrow : wide;
  }

  choose(step: number): void {
    this.step = step;
    writeText(KEY, step === USUAL ? null : String(step));
  }
}

export const size = new Size();
