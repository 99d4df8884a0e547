import { ApiError, post } from '$lib/api/client';
import type { Workflow } from '$lib/api/types';
import { i18n, LANGUAGES, t } from '$lib/i18n/index.svelte';
import { studio } from '$lib/live/studio.svelte';
import { hasPage } from '$lib/shell/routes';
import { keysOfPage } from '$lib/shell/shortcuts';
import { shellTexts } from '$lib/shell/texts';
import { router } from '$lib/state/router.svelte';
import { session } from '$lib/state/session.svelte';
import { theme, type ThemeChoice } from '$lib/state/theme.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import type { IconName } from '$lib/ui/Icon.svelte';
import type { Album } from '../../routes/gallery/albums';
import { cancelJobs, setPaused } from '../../routes/queue/actions';
import { settingsTexts } from '../../routes/settings/texts';
import { usePrompt, type UsedPrompt } from './prompts';
import type { Command } from './rank';
import { paletteTexts } from './texts';

const PAGE_ICONS: Record<string, IconName> = {
  studio: 'home',
  create: 'spark',
  gallery: 'image',
  queue: 'list',
  library: 'book',
  settings: 'gear',
};
const SECTIONS = ['appearance', 'account', 'engine', 'gallery', 'storage', 'tags', 'about'] as const;
const THEME_ICONS: Record<ThemeChoice, IconName> = { system: 'monitor', light: 'sun', dark: 'moon' };
/** The button that renders says so itself. */
const RENDER = 'button[aria-keyshortcuts~="Control+Enter"]';

/** Do what may fail; a failure is told. */
async function attempt(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toasts.show('error', error.offline ? t().engine.offlineTitle : error.message);
  }
}

/** The pages there are. */
export function pages(): Command[] {
  const names = shellTexts().pages;
  return Object.entries(PAGE_ICONS)
    .filter(([name]) => hasPage(name))
    .map(([name, icon]) => ({
      id: `page:${name}`,
      group: 'pages',
      leads: true,
      icon,
      label: names[name] ?? name,
      keys: keysOfPage(name),
      run: () => router.go([name]),
    }));
}

/** What can be done here and now. */
export function actions(): Command[] {
  const w = paletteTexts();
  const found: Command[] = [];
  const add = (id: string, icon: IconName, label: string, run: Command['run'], more: Partial<Command> = {}) =>
    found.push({ id, group: 'actions', icon, label, run, ...more });
  const render = document.querySelector<HTMLButtonElement>(RENDER);
  if (render && !render.disabled) add('render', 'spark', w.render, () => render.click(), { keys: ['Mod', 'Enter'] });
  const waiting = studio.active.filter((job) => job.status === 'queued');
  if (waiting.length > 0) add('cancel-all', 'close', w.cancelAll, () => cancelJobs(waiting));
  if (studio.paused) add('resume', 'play', w.resume, () => setPaused(false));
  else add('pause', 'pause', w.pause, () => setPaused(true));
  for (const choice of ['dark', 'light', 'system'] as const) {
    if (theme.choice === choice) continue;
    add(`theme:${choice}`, THEME_ICONS[choice], w.themes[choice], () => theme.choose(choice));
  }
  for (const { id, name } of LANGUAGES) {
    if (i18n.chosen === id) continue;
    add(`language:${id}`, 'feed', w.language(name), () => i18n.choose(id), { words: 'language Sprache' });
  }
  if (i18n.chosen !== null) {
    add('language:browser', 'feed', w.languageOfBrowser, () => i18n.choose(null), { words: 'language Sprache' });
  }
  add('clear-thumbnails', 'trash', w.clearThumbs, () =>
    attempt(async () => {
      await post('/cozygen/api/clear_cache');
      toasts.show('success', settingsTexts().cleared);
    }),
  );
  add('shortcuts', 'grid', w.shortcuts, () => router.openPanel('shortcuts'), { keys: ['?'], leads: true });
  return found;
}

/** Signing out, where there is signing in. */
export function signOut(): Command {
  return {
    id: 'sign-out',
    group: 'actions',
    icon: 'lock',
    label: paletteTexts().signOut,
    run: () => attempt(() => session.signOut()),
  };
}

/** The workflows that can be used. */
export function workflows(all: readonly Workflow[]): Command[] {
  return all
    .filter(({ error }) => !error)
    .map(({ name, title, mode }) => ({
      id: `workflow:${name}`,
      group: 'workflows',
      leads: true,
      icon: 'sliders',
      label: paletteTexts().workflow(title),
      hint: mode === null ? name : t().modes[mode],
      words: name,
      run: () => router.go(['create', name]),
    }));
}

/** The user's albums. */
export function albums(all: readonly Album[]): Command[] {
  return all.map(({ id, name, count }) => ({
    id: `album:${id}`,
    group: 'albums',
    leads: true,
    icon: 'album',
    label: paletteTexts().album(name),
    hint: String(count),
    run: () => router.go(['gallery'], { album: String(id) }),
  }));
}

/** The user's latest prompts; `sought` when they are what the server found for what is typed now. */
export function prompts(all: readonly UsedPrompt[], sought: boolean): Command[] {
  return all.map((prompt) => ({
    id: `prompt:${prompt.id}`,
    group: 'prompts',
    leads: true,
    icon: 'history',
    label: prompt.text.replace(/\s+/g, ' ').trim(),
    hint: paletteTexts().usePrompt,
    sought,
    run: () =>
      attempt(async () => {
        if (!(await usePrompt(prompt))) toasts.show('error', paletteTexts().promptGone);
      }),
  }));
}

/** The sections of the settings. */
export function settings(): Command[] {
  const w = settingsTexts();
  return SECTIONS.map((name) => ({
    id: `settings:${name}`,
    group: 'settings',
    leads: true,
    icon: 'gear',
    label: paletteTexts().section(w[name]),
    run: () => router.go(['settings', name]),
  }));
}

/** Searching the gallery for what was typed. */
export function gallerySearch(text: string): Command[] {
  if (!text) return [];
  return [
    {
      id: 'search-gallery',
      group: 'search',
      leads: true,
      icon: 'search',
      label: paletteTexts().searchGallery(text),
      sought: true,
      run: () => router.go(['gallery'], { q: text }),
    },
  ];
}
