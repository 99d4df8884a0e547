import { i18n } from '$lib/i18n/index.svelte';
import { afterEach, expect, it } from 'vitest';
import { dateLabel } from './dates';

const now = new Date(2026, 9, 5, 1);

afterEach(() => i18n.choose('en'));

it.each([
  ['2026-10-05', 'day', 'Today'],
  ['2026-10-04', 'day', 'Yesterday'],
  ['2026-03-28', 'day', 'Saturday, March 28'],
  ['2025-10-05', 'day', 'Sunday, October 5, 2025'],
  ['2026-10-01', 'month', 'October 2026'],
  ['2026-10-01', 'short', 'Oct'],
  ['', 'day', ''],
] as const)('%s as a %s is %s', (date, unit, text) => expect(dateLabel(date, unit, now)).toBe(text));

it('speaks the language in force', async () => {
  await i18n.choose('de');
  expect(dateLabel('2026-10-04', 'day', now)).toBe('Gestern');
  expect(dateLabel('2026-10-01', 'month', now)).toBe('Oktober 2026');
});
