import { readText, writeText } from '../state/local';
import en from './en';
import type { Messages } from './messages';

export type Language = 'en' | 'de';
export const LANGUAGES: readonly { id: Language; name: string }[] = [
  { id: 'en', name: 'English' },
  { id: 'de', name: 'Deutsch' },
];

const KEY = 'language';
const LOADERS: Record<Language, () => Promise<Messages>> = {
  en: () => Promise.resolve(en),
  de: async () => (await import('./de')).default,
};

/** The first of the browser's languages that we speak, else English. */
export function preferred(languages: readonly string[]): Language {
  for (const tag of languages) {
    const base = tag.toLowerCase().split('-')[0];
    const found = LANGUAGES.find(({ id }) => id === base);
    if (found) return found.id;
  }
  return 'en';
}

class I18n {
  /** What the user chose; null follows the browser. */
  chosen = $state<Language | null>(null);
  language = $state<Language>('en');
  messages = $state.raw<Messages>(en);
  #latest = 0;

  /** Load the language in force. English is always there, so a failure leaves the app in English. */
  async start(): Promise<void> {
    const stored = readText(KEY);
    this.chosen = LANGUAGES.find(({ id }) => id === stored)?.id ?? null;
    await this.#apply();
  }

  /** Switch to a language, or with null to the browser's. */
  async choose(language: Language | null): Promise<void> {
    this.chosen = language;
    writeText(KEY, language);
    await this.#apply();
  }

  async #apply(): Promise<void> {
    const mine = ++this.#latest;
    const language = this.chosen ?? preferred(navigator.languages);
    const messages = await LOADERS[language]().catch(() => null);
    if (mine !== this.#latest || messages === null) return;
    this.messages = messages;
    this.language = language;
    document.documentElement.lang = language;
  }
}

export const i18n = new I18n();

/** The texts in the language in force. Reading it in a component follows a switch. */
export const t = (): Messages => i18n.messages;

/** A number in the user's notation. */
export function formatNumber(value: number, options?: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(i18n.language, options).format(value);
}

/** A duration in seconds, as `4 s` or `2:05 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${formatNumber(seconds, { maximumFractionDigits: seconds < 10 ? 1 : 0 })} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')} min`;
}

/** When something happened: the time today, else the date and time. */
export function formatTime(epochSeconds: number, now = new Date()): string {
  const date = new Date(epochSeconds * 1000);
  const today = date.toDateString() === now.toDateString();
  const style: Intl.DateTimeFormatOptions = today
    ? { timeStyle: 'short' }
    : { dateStyle: 'medium', timeStyle: 'short' };
  return new Intl.DateTimeFormat(i18n.language, style).format(date);
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** A size in bytes, as `340 kB` or `1.2 GB`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return formatNumber(value, {
    style: 'unit',
    unit: UNITS[power] ?? 'byte',
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumFractionDigits: power > 0 && value < 100 ? 1 : 0,
  });
}
