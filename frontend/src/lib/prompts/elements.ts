/**
 * A prompt as elements: what stands between commas and line breaks. Every change is a function from a prompt to a
 * prompt, and what it is not about stays letter for letter.
 *
 * An element that is switched off stays in the prompt as `{0::element|}`: a choice between it, with no weight, and
 * nothing. Whoever draws wildcards drops it, and the comma that would be left over with it, since that stands inside.
 */

/** An element. Its range in the prompt is that of `raw`, without the space around it. */
export interface Element {
  /** Its place among the elements. */
  id: number;
  from: number;
  to: number;
  raw: string;
  /** Without the weight that is written around it. */
  text: string;
  /** 1 where none is written. */
  weight: number;
  /** Switched off. */
  off: boolean;
}

/** What turns one text into another: `insert` instead of what stands from `from` to `to`. */
export interface Difference {
  from: number;
  to: number;
  insert: string;
}

/** A part of a prompt with everything switched on: where it begins in the prompt as it stands. */
interface Piece {
  at: number;
  text: string;
  off: boolean;
}

interface Range {
  from: number;
  to: number;
}

interface Laid {
  /** The prompt with everything switched on. */
  plain: string;
  /** Where its elements are in it. */
  ranges: Range[];
  off: Set<number>;
  /** The place in the prompt as it stands of a place in `plain`. */
  place: (at: number, end: boolean) => number;
}

const OPEN = '([{';
const CLOSE = ')]}';
const STRONGER = 1.1;
const MOST = 3;
const LEAST = 0;
const OFF = '{0::';
const ON = '|}';
const NETWORK = /<(?:lora|lyco|hypernet):[^<>]*>/y;
const SEPARATES = /[,\n]/;

/** The elements of a prompt, in order. Commas within brackets, and after a backslash, separate nothing. */
export function parseElements(prompt: string): Element[] {
  const { plain, ranges, off, place } = lay(prompt);
  return ranges.map(({ from, to }, id) => {
    const raw = plain.slice(from, to);
    return { id, from: place(from, false), to: place(to, true), raw, ...weighed(raw), off: off.has(id) };
  });
}

/** With another weight of an element, from 0 to 3 in hundredths. */
export function withWeight(prompt: string, id: number, weight: number): string {
  return replaced(prompt, id, (element) => written(element.text, limited(weight)));
}

/** With another text of an element, which keeps its weight. */
export function withText(prompt: string, id: number, text: string): string {
  return replaced(prompt, id, (element) => {
    const wanted = text.trim();
    return isNetwork(wanted) || element.weight === 1 ? wanted : written(wanted, limited(element.weight));
  });
}

/** Without an element and its comma. */
export function without(prompt: string, id: number): string {
  const { plain, ranges, off } = lay(prompt);
  if (!ranges[id]) return prompt;
  const { from, to } = cut(plain, ranges, id, new Set(), 0);
  const left = [...off].filter((other) => other !== id).map((other) => (other > id ? other - 1 : other));
  return build(plain.slice(0, from) + plain.slice(to), new Set(left));
}

/** With more elements at the end. */
export function withMore(prompt: string, text: string): string {
  const { plain, off } = lay(prompt);
  const end = plain.trimEnd();
  const glue = end === '' ? '' : /[,\n]\s*$/.test(plain) ? (/\s$/.test(plain) ? '' : ' ') : ', ';
  return build((glue === ', ' ? end : plain) + glue + text.trim(), off);
}

/** With an element at another place among the elements; commas and line breaks stay where they are. */
export function moved(prompt: string, id: number, to: number): string {
  const { plain, ranges, off } = lay(prompt);
  if (!ranges[id] || !ranges[to] || id === to) return prompt;
  const order = ranges.map((_, place) => place);
  order.splice(to, 0, ...order.splice(id, 1));
  let next = plain.slice(0, ranges[0]?.from);
  order.forEach((other, place) => {
    const source = ranges[other] as Range;
    next += plain.slice(source.from, source.to) + plain.slice(ranges[place]?.to, ranges[place + 1]?.from);
  });
  return build(next, new Set([...off].map((other) => order.indexOf(other))));
}

/** With an element switched off, or on again. Those with stray braces cannot be: see `canSwitch`. */
export function switched(prompt: string, id: number): string {
  const { plain, off } = lay(prompt);
  const next = new Set(off);
  if (!next.delete(id)) next.add(id);
  return build(plain, next);
}

/** Whether an element can be switched off. */
export function canSwitch(element: Element): boolean {
  return switchable(element.raw);
}

/** What is left of a prompt for the engine: without what is switched off. */
export function withoutOff(prompt: string): string {
  return pieces(prompt)
    .filter(({ off }) => !off)
    .map(({ text }) => text)
    .join('');
}

/** With a weight around a part of the prompt. A part that has one already gets another. */
export function withWeightAround(prompt: string, from: number, to: number, step: number): string {
  const part = prompt.slice(from, to);
  const body = part.trim();
  if (body === '') return prompt;
  const start = from + part.indexOf(body);
  const { text, weight } = weighed(body);
  return prompt.slice(0, start) + written(text, limited(weight + step)) + prompt.slice(start + body.length);
}

/** The shortest single change from one text to another. */
export function difference(before: string, after: string): Difference {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from++;
  let same = 0;
  while (same < most - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same++;
  return { from, to: before.length - same, insert: after.slice(from, after.length - same) };
}

function replaced(prompt: string, id: number, body: (element: Pick<Element, 'text' | 'weight'>) => string): string {
  const { plain, ranges, off } = lay(prompt);
  const range = ranges[id];
  if (!range) return prompt;
  const raw = plain.slice(range.from, range.to);
  const next = plain.slice(0, range.from) + body(weighed(raw)) + plain.slice(range.to);
  // The new text may be several elements.
  const more = elementRanges(next).length - ranges.length;
  const left = [...off].flatMap((other) => {
    if (other !== id) return [other > id ? other + more : other];
    return Array.from({ length: more + 1 }, (_, place) => id + place);
  });
  return build(next, new Set(left));
}

function lay(prompt: string): Laid {
  const found = pieces(prompt);
  const starts: number[] = [];
  let plain = '';
  for (const { text } of found) {
    starts.push(plain.length);
    plain += text;
  }
  const pieceOf = (at: number, end: boolean) => {
    let piece = 0;
    while (piece + 1 < found.length && (starts[piece + 1] as number) < (end ? at : at + 1)) piece++;
    return piece;
  };
  const ranges = elementRanges(plain);
  const off = ranges.flatMap(({ from }, id) => (found[pieceOf(from, false)]?.off ? [id] : []));
  return {
    plain,
    ranges,
    off: new Set(off),
    place: (at, end) => {
      const piece = pieceOf(at, end);
      return (found[piece]?.at ?? 0) + at - (starts[piece] ?? 0);
    },
  };
}

/** A prompt without the marks of what is switched off. */
function pieces(prompt: string): Piece[] {
  const found: Piece[] = [];
  let depth = 0;
  let start = 0;
  let free = true; // a block may stand here: behind a comma, another block, or nothing
  for (let at = 0; at < prompt.length; at++) {
    const character = prompt.charAt(at);
    if (depth === 0 && character === '{') {
      const close = offEnd(prompt, at);
      if (close > 0 && alone(prompt, at, close, free)) {
        found.push({ at: start, text: prompt.slice(start, at), off: false }, ...options(prompt, at, close));
        start = close;
        at = close - 1;
        free = true;
        continue;
      }
    }
    if (character === '\\') at++;
    else if (OPEN.includes(character)) depth++;
    else if (CLOSE.includes(character)) depth = Math.max(0, depth - 1);
    if (depth === 0 && SEPARATES.test(character)) free = true;
    else if (!/\s/.test(character)) free = false;
  }
  found.push({ at: start, text: prompt.slice(start), off: false });
  return found.filter(({ text }) => text !== '');
}

/** Where something that is switched off ends, when it begins at `at`; else 0. */
function offEnd(prompt: string, at: number): number {
  if (!prompt.startsWith(OFF, at)) return 0;
  const bars: number[] = [];
  const close = bracesEnd(prompt, at + 1, bars);
  if (close < 0 || bars.at(-1) !== close - 1) return 0;
  return bars.slice(0, -1).every((bar) => prompt.startsWith('0::', bar + 1)) ? close + 1 : 0;
}

/** Where the brace closes whose inside begins at `at`, or -1; `bars` gets the places of its bars. */
function bracesEnd(text: string, at: number, bars: number[]): number {
  let depth = 0;
  for (; at < text.length; at++) {
    const character = text[at];
    if (character === '\\') at++;
    else if (character === '{') depth++;
    else if (character === '}' && --depth < 0) return at;
    else if (character === '|' && depth === 0) bars.push(at);
  }
  return -1;
}

/** Whether a block is an element, with its comma or between commas, and not part of one. */
function alone(prompt: string, from: number, to: number, free: boolean): boolean {
  const inside = prompt.slice(from + OFF.length, to - ON.length);
  if (/^[^\S\n]*[,\n]|[,\n]\s*$/.test(inside)) return true;
  return free && /^[^\S\n]*(?:[,\n]|\{0::|$)/.test(prompt.slice(to));
}

/** The options of a block but the empty one; each is a piece that is switched off. */
function options(prompt: string, from: number, to: number): Piece[] {
  const bars: number[] = [];
  bracesEnd(prompt, from + 1, bars);
  let start = from + OFF.length;
  return bars.map((bar, place) => {
    const last = place === bars.length - 1;
    const piece = { at: start, text: prompt.slice(start, last ? to - ON.length : bar + 1), off: true };
    start = bar + OFF.length;
    return piece;
  });
}

/** The prompt in which these elements are switched off. */
function build(plain: string, off: ReadonlySet<number>): string {
  const ranges = elementRanges(plain);
  let next = '';
  let done = 0;
  for (const id of [...off].sort((one, other) => one - other)) {
    const range = ranges[id];
    if (!range || !switchable(plain.slice(range.from, range.to))) continue;
    const { from, to } = cut(plain, ranges, id, off, done);
    next += plain.slice(done, from) + OFF + withOff(plain.slice(from, to)) + ON;
    done = to;
  }
  return next + plain.slice(done);
}

/** An element with the comma that goes with it: the one before it, unless that is taken or begins a line. */
function cut(plain: string, ranges: readonly Range[], id: number, off: ReadonlySet<number>, done: number): Range {
  const { from, to } = ranges[id] as Range;
  const before = ranges[id - 1];
  const after = ranges[id + 1];
  const onward = { from, to: after?.from ?? to };
  if (!before || before.to < done) return onward;
  const starts = plain.slice(before.to, from).includes('\n');
  const ends = !after || off.has(id + 1) || plain.slice(to, after.from).includes('\n');
  return starts && !ends ? onward : { from: before.to, to };
}

/** Every option without weight. */
function withOff(text: string): string {
  let next = '';
  let done = 0;
  const bars: number[] = [];
  bracesEnd(text, 0, bars);
  for (const bar of bars) {
    next += `${text.slice(done, bar + 1)}0::`;
    done = bar + 1;
  }
  return next + text.slice(done);
}

function switchable(raw: string): boolean {
  return bracesEnd(`${raw}}`, 0, []) === raw.length;
}

function elementRanges(plain: string): Range[] {
  const found: Range[] = [];
  let depth = 0;
  let start = 0;
  const end = (at: number) => {
    const piece = plain.slice(start, at);
    const body = piece.trim();
    const from = start + piece.indexOf(body);
    if (body !== '') found.push({ from, to: from + body.length });
    start = at + 1;
  };
  for (let at = 0; at < plain.length; at++) {
    const character = plain.charAt(at);
    NETWORK.lastIndex = at;
    if (character === '\\') at++;
    else if (character === '<' && NETWORK.test(plain)) at = NETWORK.lastIndex - 1;
    else if (OPEN.includes(character)) depth++;
    else if (CLOSE.includes(character)) depth = Math.max(0, depth - 1);
    else if (depth === 0 && SEPARATES.test(character)) end(at);
  }
  end(plain.length);
  return found;
}

function limited(weight: number): number {
  return Math.min(MOST, Math.max(LEAST, rounded(weight)));
}

function rounded(weight: number): number {
  return Math.round(weight * 100) / 100;
}

function isNetwork(text: string): boolean {
  return /^<(lora|lyco|hypernet):[^<>]*:[^:<>]*>$/.test(text);
}

function written(text: string, weight: number): string {
  if (isNetwork(text)) return text.replace(/:[^:]*>$/, `:${weight}>`);
  return weight === 1 ? text : `(${text}:${weight})`;
}

/** The text and the weight of an element: `(a:1.2)`, `((a))` is 1.1 twice, `[a]` the other way, `<lora:a:0.8>`. */
function weighed(body: string): Pick<Element, 'text' | 'weight'> {
  if (isNetwork(body)) return { text: body, weight: Number(/:([^:>]*)>$/.exec(body)?.[1]) || 0 };
  const explicit = /^\((.*):\s*([+-]?\d*\.?\d+)\s*\)$/s.exec(body);
  if (explicit?.[1] !== undefined && balanced(explicit[1])) {
    return { text: explicit[1].trim(), weight: Number(explicit[2]) };
  }
  let text = body;
  let weight = 1;
  for (;;) {
    const [open, close] = [text[0], text.at(-1)];
    const round = open === '(' && close === ')';
    if (!round && !(open === '[' && close === ']')) break;
    const inner = text.slice(1, -1);
    if (!balanced(inner) || inner.includes(':') || inner.endsWith('\\')) break;
    text = inner.trim();
    weight = round ? weight * STRONGER : weight / STRONGER;
  }
  return { text, weight: rounded(weight) };
}

function balanced(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\\') at++;
    else if ('(['.includes(character)) depth++;
    else if (')]'.includes(character) && --depth < 0) return false;
  }
  return depth === 0;
}
