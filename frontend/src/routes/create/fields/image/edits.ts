/** Which picture an edited one was made from, remembered in this browser. */
import { readJson, writeJson } from '$lib/state/local';

export interface Edit {
  /** The value before anything was edited. */
  original: string;
  /** The same picture as the edited one without its mask; a mask hides pixels from the browser. */
  plain: string;
}

const KEY = 'edited-pictures';
const MOST = 200;

function all(): [string, Edit][] {
  const stored = readJson(KEY);
  if (!Array.isArray(stored)) return [];
  return stored.filter((entry): entry is [string, Edit] => {
    const [value, edit] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const { original, plain } = (edit ?? {}) as Partial<Edit>;
    return typeof value === 'string' && typeof original === 'string' && typeof plain === 'string';
  });
}

/** What is known of an edited picture, by the value of its field. */
export function editOf(value: string): Edit | null {
  return all().find(([known]) => known === value)?.[1] ?? null;
}

/** Remember how `value` came about; of many, the latest are kept. */
export function rememberEdit(value: string, edit: Edit): void {
  writeJson(KEY, [[value, edit], ...all().filter(([known]) => known !== value)].slice(0, MOST));
}
