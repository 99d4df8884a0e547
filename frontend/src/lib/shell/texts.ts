import { texts } from '../i18n/texts';

const en = {
  pages: {
    studio: 'Studio',
    create: 'Create',
    gallery: 'Gallery',
    queue: 'Queue',
    library: 'Library',
    settings: 'Settings',
    view: 'Viewer',
  } as Record<string, string>,
  palette: 'Search and commands',
  paletteKeys: (keys: string) => `Search and commands (${keys})`,
  newVersion: 'A new version of the studio is there.',
  reload: 'Reload',
};

export const shellTexts = texts<typeof en>({
  en,
  de: {
    pages: {
      studio: 'Studio',
      create: 'Gestalten',
      gallery: 'Galerie',
      queue: 'Warteschlange',
      library: 'Bibliothek',
      settings: 'Einstellungen',
      view: 'Betrachter',
    },
    palette: 'Suche und Befehle',
    paletteKeys: (keys) => `Suche und Befehle (${keys})`,
    newVersion: 'Eine neue Version des Studios ist da.',
    reload: 'Neu laden',
  },
});
