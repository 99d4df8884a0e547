import { readText, writeText } from './local';

export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'theme';
const SYSTEM = '(prefers-color-scheme: dark)';

class Theme {
  choice = $state<ThemeChoice>('system');
  #systemDark = $state(false);
  readonly dark = $derived(this.choice === 'dark' || (this.choice === 'system' && this.#systemDark));

  start(): void {
    const stored = readText(KEY);
    this.choice = stored === 'light' || stored === 'dark' ? stored : 'system';
    const query = matchMedia(SYSTEM);
    this.#systemDark = query.matches;
    query.addEventListener('change', (event) => {
      this.#systemDark = event.matches;
      this.#apply();
    });
    this.#apply();
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    writeText(KEY, choice === 'system' ? null : choice);
    this.#apply();
  }

  #apply(): void {
    const root = document.documentElement;
    root.dataset.theme = this.dark ? 'dark' : 'light';
    const ground = getComputedStyle(root).getPropertyValue('--color-ground').trim();
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ground);
  }
}

export const theme = new Theme();
