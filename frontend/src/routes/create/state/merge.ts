import { emptyDraft, parseDraft, type Draft } from '$lib/state/drafts';
import type { Kind } from './synced';

type Part = Record<string, string | boolean>;

/** Two changes of the entries of `base`, and whether they meet anywhere. */
function mergePart(base: Part, mine: Part, theirs: Part, preferMine: boolean): { part: Part; meet: boolean } {
  const part: Part = {};
  let meet = false;
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const [before, here, there] = [base[key], mine[key], theirs[key]];
    const both = here !== before && there !== before && here !== there;
    meet ||= both;
    const kept = here === before || (both && !preferMine) ? there : here;
    if (kept !== undefined) part[key] = kept;
  }
  return { part, meet };
}

function mergeDrafts(base: Draft, mine: Draft, theirs: Draft, preferMine: boolean): { value: Draft; meet: boolean } {
  const values = mergePart(base.values, mine.values, theirs.values, preferMine);
  const random = mergePart(base.random, mine.random, theirs.random, preferMine);
  const bypass = mergePart(base.bypass, mine.bypass, theirs.bypass, preferMine);
  const value = { values: values.part, random: random.part, bypass: bypass.part };
  return { value: parseDraft(value), meet: values.meet || random.meet || bypass.meet };
}

/** Drafts of forms: changes of different fields go together; of the same field the later one stands. */
export const draftKind: Kind<Draft> = {
  empty: emptyDraft(),
  parse: parseDraft,
  merge(base, mine, theirs, mineIsLater) {
    const { value, meet } = mergeDrafts(base, mine, theirs, mineIsLater);
    return { value, other: meet ? mergeDrafts(base, mine, theirs, !mineIsLater).value : null };
  },
};

/** Lists of names without doubles: what either added is in, what either took out is out. */
export const namesKind: Kind<readonly string[]> = {
  empty: [],
  parse: (stored) =>
    Array.isArray(stored) ? [...new Set(stored.filter((name): name is string => typeof name === 'string'))] : [],
  merge(base, mine, theirs) {
    const gone = new Set(base.filter((name) => !mine.includes(name)));
    const added = mine.filter((name) => !base.includes(name) && !theirs.includes(name));
    return { value: [...theirs.filter((name) => !gone.has(name)), ...added], other: null };
  },
};
