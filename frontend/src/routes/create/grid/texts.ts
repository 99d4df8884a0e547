import { texts } from '$lib/i18n/texts';

const en = {
  title: (title: string) => `Grid of ${title}`,
  plain: 'Grid',
  loadFailed: 'The grid could not be loaded.',
  gone: 'There is no such grid.',
  done: (done: number, total: number) => `${done} of ${total} done`,
  failed: (count: number) => (count === 1 ? '1 failed' : `${count} failed`),
  cancel: 'Cancel what is left',
  cancelFailed: (reason: string) => `Not cancelled: ${reason}`,
  size: 'Size of the pictures',
  open: (label: string) => `Open ${label}`,
  waiting: 'waiting',
  running: 'running',
  lost: 'failed',
  cancelled: 'cancelled',
  nothing: 'no picture',
  on: 'on',
  off: 'off',
  previous: 'Previous picture',
  next: 'Next picture',
  full: 'Full size',
  newTab: '(opens in a new tab)',
  number: (number: number) => `no. ${number}`,
};

const de: typeof en = {
  title: (title) => `Raster von ${title}`,
  plain: 'Raster',
  loadFailed: 'Das Raster konnte nicht geladen werden.',
  gone: 'Dieses Raster gibt es nicht.',
  done: (done, total) => `${done} von ${total} fertig`,
  failed: (count) => `${count} gescheitert`,
  cancel: 'Den Rest abbrechen',
  cancelFailed: (reason) => `Nicht abgebrochen: ${reason}`,
  size: 'Größe der Bilder',
  open: (label) => `${label} öffnen`,
  waiting: 'wartet',
  running: 'läuft',
  lost: 'gescheitert',
  cancelled: 'abgebrochen',
  nothing: 'kein Bild',
  on: 'an',
  off: 'aus',
  previous: 'Voriges Bild',
  next: 'Nächstes Bild',
  full: 'Volle Größe',
  newTab: '(öffnet einen neuen Tab)',
  number: (number) => `Nr. ${number}`,
};

/** The texts of the grid. */
export const words = texts({ en, de });
