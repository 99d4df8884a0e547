/** How many tokens CLIP reads at a time, besides the two that mark its ends. */
export const CHUNK = 75;

const WEIGHT = /:\s*[+-]?\d*\.?\d+\s*\)/g;
const NETWORK = /<(?:lora|lyco|hypernet):[^<>]*>/g;
/** How CLIP's tokenizer cuts a text before it looks its parts up: words, single digits, runs of other signs. */
const PARTS = /'(?:s|t|re|ve|m|ll|d)\b|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;
const WHOLE = 8;
const SYLLABLES = 4;

/**
 * About how many tokens CLIP makes of a text. Its vocabulary is not at hand: words up to eight letters count as one
 * token, longer ones as one more for every four letters, and so do other scripts for every letter.
 */
export function estimateTokens(text: string): number {
  const said = text
    .replace(NETWORK, ' ')
    .replace(WEIGHT, ' ')
    .replace(/(?<!\\)[()]/g, ' ')
    .replaceAll('\\', '');
  let count = 0;
  for (const [part] of said.matchAll(PARTS)) {
    if (/^\p{Script=Latin}+$/u.test(part))
      count += part.length <= WHOLE ? 1 : 1 + Math.ceil((part.length - WHOLE) / SYLLABLES);
    else count += /^\p{L}+$/u.test(part) ? [...part].length : 1;
  }
  return count;
}
