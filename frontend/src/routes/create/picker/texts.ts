import { texts } from '$lib/i18n/texts';

const en = {
  open: 'Open',
  manage: 'Rename, delete and more',
  import: 'Import a workflow',
  importHint: 'JSON, or a picture made with one',
  type: 'Made for',
  typeOf: (title: string) => `What ${title} is made for`,
  byItself: 'As the workflow says',
  typeFailed: (reason: string) => `Not changed: ${reason}`,
  rename: 'Rename',
  renameHint: 'The file’s name',
  name: 'Name',
  save: 'Save',
  renamed: (name: string) => `It is called ${name} now.`,
  renameFailed: (reason: string) => `Not renamed: ${reason}`,
  remove: 'Delete',
  removed: (title: string) => `${title} is in the trash of the workflows folder.`,
  removeFailed: (reason: string) => `Not deleted: ${reason}`,
  restoreFailed: (reason: string) => `Not brought back: ${reason}`,
  undo: 'Undo',
};

const de: typeof en = {
  open: 'Geöffnet',
  manage: 'Umbenennen, löschen und mehr',
  import: 'Workflow importieren',
  importHint: 'JSON oder ein damit gemachtes Bild',
  type: 'Gemacht für',
  typeOf: (title) => `Wofür ${title} gemacht ist`,
  byItself: 'Wie der Workflow sagt',
  typeFailed: (reason) => `Nicht geändert: ${reason}`,
  rename: 'Umbenennen',
  renameHint: 'Der Name der Datei',
  name: 'Name',
  save: 'Speichern',
  renamed: (name) => `Heißt jetzt ${name}.`,
  renameFailed: (reason) => `Nicht umbenannt: ${reason}`,
  remove: 'Löschen',
  removed: (title) => `${title} liegt im Papierkorb des Workflow-Ordners.`,
  removeFailed: (reason) => `Nicht gelöscht: ${reason}`,
  restoreFailed: (reason) => `Nicht zurückgeholt: ${reason}`,
  undo: 'Rückgängig',
};

/** The texts of the workflow picker. */
export const words = texts({ en, de });
