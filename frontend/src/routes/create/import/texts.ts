import { texts } from '$lib/i18n/texts';

const en = {
  title: 'Import a workflow',
  intro:
    'A workflow as JSON, from ComfyUI’s editor or in API format; or a picture, film or sound that was made with one.',
  choose: 'Choose a file',
  another: 'Another file',
  drop: 'or drop it anywhere on the page',
  reading: (name: string) => `Looking into ${name} …`,
  failed: (name: string) => `${name} cannot be imported.`,
  asPicture: 'Use it as the picture to start from',
  found: (source: string, format: string) => `Found in ${source}, in ${format}.`,
  formats: { api: 'API format', ui: 'the editor’s format' },
  fields: (count: number) => (count === 1 ? '1 setting' : `${count} settings`),
  name: 'Name',
  type: 'Made for',
  none: 'Say nothing',
  missingNodes: 'The engine does not have these nodes:',
  missingModels: 'The engine does not have these files and options:',
  close: (names: string) => `Like it: ${names}`,
  nothingClose: 'It has nothing like it.',
  replace: (value: string) => `Instead of ${value}`,
  leave: 'Leave it as it is',
  problems: 'What else stands in the way of a render:',
  ready: 'Everything that it needs is there.',
  keep: 'Keep it',
  kept: (name: string) => `${name} is among your workflows.`,
  notKept: (reason: string) => `Not kept: ${reason}`,
};

const de: typeof en = {
  title: 'Workflow importieren',
  intro:
    'Ein Workflow als JSON, aus dem Editor von ComfyUI oder im API-Format; oder ein Bild, Film oder Ton, der damit entstand.',
  choose: 'Datei wählen',
  another: 'Andere Datei',
  drop: 'oder irgendwo auf die Seite ziehen',
  reading: (name) => `${name} wird gelesen …`,
  failed: (name) => `${name} lässt sich nicht importieren.`,
  asPicture: 'Als Ausgangsbild verwenden',
  found: (source, format) => `Gefunden in ${source}, im ${format}.`,
  formats: { api: 'API-Format', ui: 'Format des Editors' },
  fields: (count) => (count === 1 ? '1 Einstellung' : `${count} Einstellungen`),
  name: 'Name',
  type: 'Gemacht für',
  none: 'Nichts angeben',
  missingNodes: 'Diese Knoten hat die Engine nicht:',
  missingModels: 'Diese Dateien und Optionen hat die Engine nicht:',
  close: (names) => `Ähnlich: ${names}`,
  nothingClose: 'Sie hat nichts Ähnliches.',
  replace: (value) => `Statt ${value}`,
  leave: 'So lassen',
  problems: 'Was sonst noch im Weg steht:',
  ready: 'Alles, was er braucht, ist da.',
  keep: 'Behalten',
  kept: (name) => `${name} ist jetzt bei deinen Workflows.`,
  notKept: (reason) => `Nicht behalten: ${reason}`,
};

/** The texts of the import. */
export const words = texts({ en, de });
