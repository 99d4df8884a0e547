import { i18n } from '$lib/i18n/index.svelte';
import { texts } from './texts';

const DAY_MS = 86_400_000;

/** A date such as `2026-10-05` at noon here. */
function noon(date: string): Date {
  const [year = 1970, month = 1, day = 1] = date.split('-').map(Number);
  return new Date(year, month - 1, day, 12);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format of that name, kept: making one takes longer than all else that is done in a frame. */
function formatOf(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${i18n.language} ${name}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.DateTimeFormat(i18n.language, options);
    formats.set(key, found);
  }
  return found;
}

/** A day or a month for people: `Today`, `Monday, 5 October`, `October 2026`; `short` is a month's short name. */
export function dateLabel(date: string, unit: 'day' | 'month' | 'short', now = new Date()): string {
  if (!date) return '';
  const moment = noon(date);
  if (unit === 'short') return formatOf('short', { month: 'short' }).format(moment);
  if (unit === 'month') return formatOf('month', { month: 'long', year: 'numeric' }).format(moment);
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate(), 12);
  const away = Math.round((today.getTime() - moment.getTime()) / DAY_MS);
  if (away === 0) return texts().today;
  if (away === 1) return texts().yesterday;
  const style = { weekday: 'long', day: 'numeric', month: 'long' } as const;
  return moment.getFullYear() === now.getFullYear()
    ? formatOf('day', style).format(moment)
    : formatOf('day and year', { ...style, year: 'numeric' }).format(moment);
}
