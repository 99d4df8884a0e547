import { describe, expect, it } from 'vitest';
import { marks } from './marks';

const shown = (prompt: string) =>
  marks(prompt, (name) => name.toLowerCase() === 'hero').map(({ from, to, kind }) => [prompt.slice(from, to), kind]);

describe('marks', () => {
  it.each([
    [
      'a $Hero$, $nobody$, scene::night',
      [
        ['$Hero$', 'alias'],
        ['$nobody$', 'stranger'],
        ['scene::night', 'stranger'],
      ],
    ],
    [
      '{2::a|b}',
      [
        ['{', 'wildcard'],
        ['|', 'wildcard'],
        ['}', 'wildcard'],
      ],
    ],
    ['{plain} __animal/*__', [['__animal/*__', 'wildcard']]],
    [
      '(a:1.2)',
      [
        ['(', 'weight'],
        [':1.2', 'weight'],
        [')', 'weight'],
      ],
    ],
    ['a \\(b\\)', []],
    ['<lora:ink:0.5>', [['<lora:ink:0.5>', 'network']]],
  ])('%s', (prompt, found) => expect(shown(prompt)).toEqual(found));
});
