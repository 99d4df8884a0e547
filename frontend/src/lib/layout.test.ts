import { expect, it } from 'vitest';
import { halfWidths } from './layout';
import { field } from './testing';

const text = field();
const number = field({ type: 'int' });
const seed = field({ type: 'int', can_randomize: true });
const flag = field({ type: 'boolean' });

it.each([
  ['pairs share a row', [number, number], [true, true]],
  ['the odd one out has a row', [number, number, flag], [true, true, false]],
  ['a wide one ends a run', [number, text, number, flag], [false, false, true, true]],
  ['a seed is wide', [seed, number], [false, false]],
  ['nothing', [], []],
])('%s', (_, fields, expected) => expect(halfWidths(fields)).toEqual(expected));
