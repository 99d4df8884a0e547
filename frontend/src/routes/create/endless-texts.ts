import { texts } from '$lib/i18n/texts';

const en = {
  still: 'Stopped: nothing would change. No field is random.',
  stillWith: (field: string) => `Stopped: nothing would change. Make ${field} random to go on.`,
  makeRandom: 'Make it random',
  failed: (title: string) => `Endless stopped: ${title} failed.`,
  cancelled: 'Endless stopped: a render was cancelled.',
  refused: (reason: string) => `Endless stopped: ${reason}`,
  stopped: (count: number) => `Endless stopped after ${count === 1 ? 'one render' : `${count} renders`}.`,
};

const de: typeof en = {
  still: 'Angehalten: Es würde sich nichts ändern. Kein Feld ist zufällig.',
  stillWith: (field) => `Angehalten: Es würde sich nichts ändern. Mit zufälligem ${field} geht es weiter.`,
  makeRandom: 'Zufällig machen',
  failed: (title) => `Endlos angehalten: ${title} ist gescheitert.`,
  cancelled: 'Endlos angehalten: Ein Bild wurde abgebrochen.',
  refused: (reason) => `Endlos angehalten: ${reason}`,
  stopped: (count) => `Endlos beendet nach ${count === 1 ? 'einem Bild' : `${count} Bildern`}.`,
};

/** Why an endless row of renders came to its end. */
export const words = texts({ en, de });
