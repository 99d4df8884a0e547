/** What a part of a prompt is, for the eye. */
export type MarkKind = 'alias' | 'stranger' | 'weight' | 'wildcard' | 'network' | 'off';

export interface Mark {
  from: number;
  to: number;
  kind: MarkKind;
}

const ALIAS = /\$([a-z0-9_:-]+)\$|(?<!\$)\b((?!\d+(?:\.\d+)?::)[a-z0-9_]+::[a-z0-9_:-]+)\b(?!\$)/gi;
const FILE = /__[A-Za-z0-9_./*-]+?__/g;
const NETWORK = /<(?:lora|lyco|hypernet):[^<>]*>/g;
const WEIGHT = /:\s*[+-]?\d*\.?\d+\s*\)/g;

/** The aliases, weights, wildcards and networks of a prompt, in order. `known` says whether there is such an alias. */
export function marks(prompt: string, known: (name: string) => boolean): Mark[] {
  const found: Mark[] = [...brackets(prompt)];
  for (const match of prompt.matchAll(ALIAS)) {
    const name = match[1] ?? match[2] ?? '';
    found.push(mark(match, known(name) ? 'alias' : 'stranger'));
  }
  for (const match of prompt.matchAll(FILE)) found.push(mark(match, 'wildcard'));
  for (const match of prompt.matchAll(NETWORK)) found.push(mark(match, 'network'));
  for (const match of prompt.matchAll(WEIGHT)) {
    found.push({ from: match.index, to: match.index + match[0].length - 1, kind: 'weight' });
  }
  return found.sort((one, other) => one.from - other.from || other.to - one.to);
}

function mark(match: RegExpExecArray, kind: MarkKind): Mark {
  return { from: match.index, to: match.index + match[0].length, kind };
}

/** The round and square brackets that weigh, and the braces and bars of choices. */
function* brackets(prompt: string): Generator<Mark> {
  const open: { at: number; bars: number[] }[] = [];
  for (let at = 0; at < prompt.length; at++) {
    const character = prompt.charAt(at);
    if (character === '\\') at++;
    else if ('()[]'.includes(character)) yield { from: at, to: at + 1, kind: 'weight' };
    else if (character === '{') open.push({ at, bars: [] });
    else if (character === '|') open.at(-1)?.bars.push(at);
    else if (character === '}') {
      const brace = open.pop();
      if (!brace || brace.bars.length === 0) continue;
      for (const place of [brace.at, ...brace.bars, at]) yield { from: place, to: place + 1, kind: 'wildcard' };
    }
  }
}
