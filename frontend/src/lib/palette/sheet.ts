import { GLOBAL_SHORTCUTS, onMac } from '../shell/shortcuts';
import { paletteTexts } from './texts';

type Words = ReturnType<typeof paletteTexts>['sheet'];
type Area = keyof Words['areas'];
type Plain = { [Name in keyof Words]: Words[Name] extends string ? Name : never }[keyof Words];

/** Keys pressed together; several of them are alternatives. */
type Chord = readonly string[];

/** What the pages and panels listen to themselves. */
const OF_PAGES: Record<Exclude<Area, 'everywhere'>, readonly [does: Plain, ...chords: Chord[]][]> = {
  create: [
    ['render', ['Mod', 'Enter']],
    ['step', ['↑'], ['↓']],
  ],
  composer: [
    ['render', ['Mod', 'Enter']],
    ['element', ['←'], ['→']],
    ['weight', ['↑'], ['↓']],
    ['moveElement', ['Alt', '←'], ['Alt', '→']],
    ['toggleElement', ['Space']],
    ['editElement', ['Enter'], ['F2']],
    ['removeElement', ['Delete']],
  ],
  queue: [
    ['reorder', ['↑'], ['↓']],
    ['reorderEnds', ['Home'], ['End']],
  ],
  gallery: [
    ['search', ['/']],
    ['moveFocus', ['←'], ['→'], ['↑'], ['↓']],
    ['ends', ['Home'], ['End']],
    ['view', ['Enter']],
    ['select', ['Space'], ['X']],
    ['range', ['Shift', '→']],
    ['selectAll', ['Mod', 'A']],
    ['favourite', ['F']],
    ['rate', ['0'], ['1'], ['5']],
    ['remove', ['Delete']],
  ],
  viewer: [
    ['nextFile', ['←'], ['→']],
    ['ends', ['Home'], ['End']],
    ['play', ['Space']],
    ['zoom', ['+'], ['-']],
    ['whole', ['0']],
    ['favourite', ['F']],
    ['rateViewer', ['1'], ['5']],
    ['info', ['I']],
    ['compare', ['C']],
    ['remove', ['Delete']],
    ['leave', ['Escape']],
  ],
};

interface Line {
  does: string;
  /** Alternatives, each of presses one after the other, each of keys held together. */
  ways: readonly (readonly Chord[])[];
}

/** Every shortcut, by where it works. `pages` are the names of the pages there are. */
export function sheet(pages: Readonly<Record<string, string>>): { area: string; lines: Line[] }[] {
  const words = paletteTexts().sheet;
  const everywhere: Line[] = [];
  for (const { keys, action } of GLOBAL_SHORTCUTS) {
    const name = 'page' in action ? pages[action.page] : undefined;
    if ('page' in action && name === undefined) continue;
    const does =
      name === undefined
        ? 'panel' in action && action.panel === 'palette'
          ? words.palette
          : words.sheet
        : words.goTo(name);
    everywhere.push({ does, ways: [keys[0] === 'Mod' ? [keys] : keys.map((key) => [key])] });
  }
  everywhere.push({ does: words.close, ways: [[['Escape']]] });
  const areas = Object.keys(OF_PAGES) as (keyof typeof OF_PAGES)[];
  return [
    { area: words.areas.everywhere, lines: everywhere },
    ...areas.map((area) => ({
      area: words.areas[area],
      lines: OF_PAGES[area].map(([does, ...chords]) => ({ does: words[does], ways: chords.map((chord) => [chord]) })),
    })),
  ];
}

/** How a key is called on this keyboard. */
export function keyName(key: string): string {
  if (key === 'Mod' && onMac()) return '⌘';
  return paletteTexts().keys[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}
