import { describe, expect, it } from 'vitest';
import {
  canSwitch,
  difference,
  moved,
  parseElements,
  switched,
  without,
  withMore,
  withoutOff,
  withText,
  withWeight,
  withWeightAround,
  type Element,
} from './elements';

const parsed = (prompt: string) => parseElements(prompt).map(({ text, weight }) => [text, weight]);
const texts = (prompt: string) => parseElements(prompt).map(({ text, off }) => (off ? `-${text}` : text));

/** Numbers that look random and are the same in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const BODIES = [
  'a cat',
  '(dog:1.2)',
  '((bird))',
  '[x]',
  '<lora:style_v2:0.8>',
  '<lora:ink:1:0.5>',
  '{red|blue, green} sky',
  '{0::rare|2::often}',
  '__animal/*__',
  '$hero$',
  '($scene:night$:0.75)',
  'smile \\(happy\\)',
  'one\\, two',
  'a|b',
  'a|0::b',
  '\\{plain\\|',
  '>_<',
  'BREAK',
  '日本',
  '🌙',
];
const SEPARATORS = [', ', ',', ' ,  ', '\n', ',\n', ',\n\n  ', ',,'];

/** Prompts of all kinds with their number of elements. */
const PROMPTS = Array.from({ length: 300 }, (_, seed) => {
  const roll = dice(seed);
  const pick = (from: readonly string[]) => from[roll(from.length)] as string;
  const bodies = Array.from({ length: 1 + roll(6) }, () => pick(BODIES));
  const text = bodies.map((body, place) => (place ? pick(SEPARATORS) : '') + body).join('');
  return { seed, bodies, text: pick(['', ' ', '\n']) + text + pick(['', ',', ' ', ',\n']) };
});

describe('parseElements', () => {
  it.each([
    ['', []],
    [
      'a cat, a dog\na bird',
      [
        ['a cat', 1],
        ['a dog', 1],
        ['a bird', 1],
      ],
    ],
    [
      '(a cat:1.25), ((dog)), [bird]',
      [
        ['a cat', 1.25],
        ['dog', 1.21],
        ['bird', 0.91],
      ],
    ],
    [
      '(a, b:1.2), c',
      [
        ['a, b', 1.2],
        ['c', 1],
      ],
    ],
    [
      '{red|blue, green} sky, __place__',
      [
        ['{red|blue, green} sky', 1],
        ['__place__', 1],
      ],
    ],
    [
      '<lora:style_v2:0.8>, x',
      [
        ['<lora:style_v2:0.8>', 0.8],
        ['x', 1],
      ],
    ],
    [
      '>_<, smile',
      [
        ['>_<', 1],
        ['smile', 1],
      ],
    ],
    ['($hero$:1.3)', [['$hero$', 1.3]]],
    ['(a) and (b)', [['(a) and (b)', 1]]],
    [
      'smile \\(happy\\), one\\, two',
      [
        ['smile \\(happy\\)', 1],
        ['one\\, two', 1],
      ],
    ],
    ['[a:b:0.5]', [['[a:b:0.5]', 1]]],
    ['(open, never closed', [['(open, never closed', 1]]],
  ])('%s', (prompt, elements) => expect(parsed(prompt)).toEqual(elements));

  it('finds each element where it stands', () => {
    for (const { text, bodies } of PROMPTS) {
      const found = parseElements(text);
      expect(found.map(({ raw }) => raw)).toEqual(bodies);
      for (const { from, to, raw } of found) expect(text.slice(from, to)).toBe(raw);
    }
  });
});

describe('weights and texts', () => {
  it('writes no weight of 1', () => {
    expect(withWeight(' a cat, b', 0, 1.3000001)).toBe(' (a cat:1.3), b');
    expect(withWeight('(a cat:1.3) ,b', 0, 1)).toBe('a cat ,b');
    expect(withWeight('((a cat))', 0, 1.31)).toBe('(a cat:1.31)');
    expect(withWeight('x', 0, 99)).toBe('(x:3)');
    expect(withWeight('x', 0, -1)).toBe('(x:0)');
    expect(withWeight('x', 7, 2)).toBe('x');
  });
  it('weighs a network in its own way', () => {
    expect(withWeight('a, <lora:style:0.8>', 1, 0.9)).toBe('a, <lora:style:0.9>');
  });
  it('keeps the weight of a text that is edited', () => {
    expect(withText('x, (a cat:1.2)', 1, ' a dog ')).toBe('x, (a dog:1.2)');
  });
  it('keeps what is off when an element becomes several', () => {
    expect(texts(withText('a{0::, b|}, c', 0, 'x, y'))).toEqual(['x', 'y', '-b', 'c']);
    expect(texts(withText('a{0::, b|}, c', 1, 'x, y'))).toEqual(['a', '-x', '-y', 'c']);
  });
  it('weighs what is selected', () => {
    expect(withWeightAround('a big cat, b', 2, 9, 0.05)).toBe('a (big cat:1.05), b');
    expect(withWeightAround('a, (b:1.05), c', 3, 11, -0.05)).toBe('a, b, c');
    expect(withWeightAround('a  b', 1, 3, 0.05)).toBe('a  b');
  });
  it('leaves the rest letter for letter, and reads back what it wrote', () => {
    for (const { text, seed } of PROMPTS) {
      const before = parseElements(text);
      const id = dice(seed)(before.length);
      const { from, to } = before[id] as Element;
      const after = withWeight(text, id, 0.65);
      expect([after.slice(0, from), after.slice(after.length - (text.length - to))]).toEqual([
        text.slice(0, from),
        text.slice(to),
      ]);
      expect(parseElements(after)[id]?.weight).toBe(0.65);
      expect(withWeight(after, id, 0.65)).toBe(after);
    }
  });
});

describe('switching off', () => {
  it('takes the comma along', () => {
    expect(switched('a, b, c', 1)).toBe('a{0::, b|}, c');
    expect(switched('a, b, c', 0)).toBe('{0::a, |}b, c');
    expect(switched('a', 0)).toBe('{0::a|}');
    expect(switched('a,\nb, c', 1)).toBe('a,\n{0::b, |}c');
    expect(switched(switched('a, b, c', 2), 1)).toBe('a{0::, b|}{0::, c|}');
  });
  it('gives no option of it a weight', () => {
    expect(switched('x, a|{b|c}', 1)).toBe('x{0::, a|0::{b|c}|}');
    expect(texts('x{0::, a|0::{b|c}|}')).toEqual(['x', '-a|{b|c}']);
  });
  it('takes choices for what they are', () => {
    expect(texts('{0::red|blue} dress, {0::red|}dress')).toEqual(['{0::red|blue} dress', '{0::red|}dress']);
    expect(texts('a, {0::b|}, c')).toEqual(['a', '-b', 'c']);
    expect(texts('({0::b|}, c)')).toEqual(['({0::b|}, c)']);
  });
  it('refuses what would end it too early', () => {
    for (const prompt of ['a}', '{a', 'a\\']) {
      expect(canSwitch(parseElements(prompt)[0] as Element)).toBe(false);
      expect(switched(prompt, 0)).toBe(prompt);
    }
  });
  it('loses nothing, whatever is switched in whatever order', () => {
    for (const { text, bodies, seed } of PROMPTS) {
      const roll = dice(seed + 1000);
      const off = new Set<number>();
      let prompt = text;
      for (let step = 0; step < 8; step++) {
        const id = roll(bodies.length);
        if (!off.delete(id)) off.add(id);
        prompt = switched(prompt, id);
        const found = parseElements(prompt);
        expect(found.map(({ raw }) => raw)).toEqual(bodies);
        expect(found.flatMap((element) => (element.off ? [element.id] : []))).toEqual([...off].sort());
        expect(parseElements(withoutOff(prompt)).map(({ raw }) => raw)).toEqual(bodies.filter((_, id) => !off.has(id)));
      }
      for (const id of off) prompt = switched(prompt, id);
      expect(prompt).toBe(text);
    }
  });
  it('finds in the text what is off', () => {
    for (const prompt of ['a{0::, b|}, c', '{0::a, |}b', 'x, {0::y|}']) {
      for (const { from, to, raw } of parseElements(prompt)) expect(prompt.slice(from, to)).toBe(raw);
    }
  });
  it('weighs, moves and removes beside what is off', () => {
    expect(withWeight('a{0::, b|}, c', 1, 1.2)).toBe('a{0::, (b:1.2)|}, c');
    expect(moved('a{0::, b|}, c', 1, 0)).toBe('{0::b, |}a, c');
    expect(without('a{0::, b|}, c', 0)).toBe('{0::b, |}c');
    expect(without('a{0::, b|}, c', 1)).toBe('a, c');
    expect(withMore('a{0::, b|}', 'c')).toBe('a{0::, b|}, c');
  });
});

describe('moving', () => {
  it('leaves commas and lines where they are', () => {
    expect(moved('a ,b,\nc', 2, 0)).toBe('c ,a,\nb');
    expect(moved(' a, b, ', 0, 1)).toBe(' b, a, ');
    expect(moved('a, b', 0, 5)).toBe('a, b');
  });
  it('can be taken back', () => {
    for (const { text, seed } of PROMPTS) {
      const roll = dice(seed);
      const many = parseElements(text).length;
      const [from, to] = [roll(many), roll(many)];
      expect(moved(moved(text, from, to), to, from)).toBe(text);
    }
  });
});

describe('adding and removing', () => {
  it('keeps the commas right', () => {
    expect(withMore('a, b', 'c, (d:1.2)')).toBe('a, b, c, (d:1.2)');
    expect(withMore('a,', 'c')).toBe('a, c');
    expect(withMore('a,\n', 'c')).toBe('a,\nc');
    expect(withMore('', 'c')).toBe('c');
    expect(without('a, b', 0)).toBe('b');
    expect(without('a, b', 1)).toBe('a');
    expect(without('a,\nb, c', 1)).toBe('a,\nc');
  });
  it('removes one and no other', () => {
    for (const { text, bodies, seed } of PROMPTS) {
      const id = dice(seed)(bodies.length);
      const left = parseElements(without(text, id)).map(({ raw }) => raw);
      expect(left).toEqual(bodies.filter((_, place) => place !== id));
    }
  });
});

describe('difference', () => {
  it('is the shortest', () => {
    expect(difference('a, b, c', 'a, (b:1.1), c')).toEqual({ from: 3, to: 4, insert: '(b:1.1)' });
    expect(difference('aa', 'aaa')).toEqual({ from: 2, to: 2, insert: 'a' });
    expect(difference('same', 'same')).toEqual({ from: 4, to: 4, insert: '' });
  });
  it('leads from one to the other', () => {
    for (const [place, { text }] of PROMPTS.entries()) {
      const other = PROMPTS[(place * 7 + 1) % PROMPTS.length]?.text ?? '';
      const { from, to, insert } = difference(text, other);
      expect(text.slice(0, from) + insert + text.slice(to)).toBe(other);
    }
  });
});
