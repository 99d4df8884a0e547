import { formatNumber } from '$lib/i18n/index.svelte';
import { texts as pageTexts } from '$lib/i18n/texts';
import type { SortName } from './query';

const n = (value: number) => formatNumber(value);

interface Texts {
  title: string;
  files: string;
  count: (count: number) => string;
  sections: { label: string; all: string; albums: string; trash: string };
  today: string;
  yesterday: string;
  favorite: string;
  hidden: string;
  stars: (count: number) => string;
  kinds: { all: string; image: string; video: string; audio: string };
  kindLabel: string;
  choose: (name: string) => string;
  chooseAllOf: (count: number) => string;
  placeOf: (place: number, total: number) => string;
  scrubber: string;
  arrived: (count: number) => string;
  indexing: string;
  failed: string;
  offline: string;
  undo: string;
  tooMany: string;
  search: {
    label: string;
    placeholder: string;
    clear: string;
    wrong: string;
    suggestions: string;
    without: (term: string) => string;
    active: string;
    files: (count: number) => string;
  };
  filters: {
    button: string;
    title: string;
    none: string;
    clear: string;
    names: Record<string, string>;
    values: Record<string, string>;
    show: (count: number) => string;
  };
  display: {
    button: string;
    title: string;
    sort: string;
    sorts: Record<SortName, string>;
    mode: string;
    grid: string;
    feed: string;
    size: string;
    favorites: string;
    showHidden: string;
    shuffle: string;
  };
  folders: {
    label: string;
    top: string;
    open: (name: string) => string;
    failed: string;
    more: (count: number) => string;
  };
  empty: {
    title: string;
    text: string;
    create: string;
    nothing: string;
    nothingText: string;
    reset: string;
    album: string;
    albumText: string;
  };
  chosen: {
    label: string;
    count: (count: number) => string;
    all: (count: number) => string;
    none: string;
    favorite: string;
    unfavorite: string;
    rate: string;
    tag: string;
    album: string;
    move: string;
    download: string;
    more: string;
    remove: string;
    hide: string;
    unhide: string;
    rename: string;
    strip: string;
    leave: string;
    cover: string;
  };
  done: {
    favorite: (count: number) => string;
    unfavorite: (count: number) => string;
    rated: (count: number, stars: number) => string;
    unrated: (count: number) => string;
    tagged: (count: number) => string;
    hidden: (count: number) => string;
    unhidden: (count: number) => string;
    moved: (count: number, folder: string) => string;
    renamed: (name: string) => string;
    album: (count: number, album: string) => string;
    left: (count: number) => string;
    cover: string;
    folder: (name: string) => string;
    albumMade: (name: string) => string;
    albumRenamed: (name: string) => string;
    albumDropped: (name: string) => string;
    nothing: string;
  };
  deleted: (count: number) => string;
  notDeleted: (count: number, reason: string) => string;
  rate: { title: (count: number) => string; none: string };
  tags: {
    title: (count: number) => string;
    add: string;
    placeholder: string;
    submit: string;
    existing: string;
    remove: (tag: string) => string;
    used: string;
  };
  albums: {
    title: string;
    choose: (count: number) => string;
    name: string;
    create: string;
    createWith: string;
    new: string;
    empty: string;
    emptyText: string;
    open: (name: string, count: number) => string;
    rename: string;
    drop: string;
    save: string;
    gone: string;
  };
  move: {
    title: (count: number) => string;
    here: (folder: string) => string;
    up: string;
    new: string;
    make: string;
    name: string;
    none: string;
  };
  rename: { title: string; name: string; hint: string; save: string };
  trash: {
    title: string;
    text: (days: number) => string;
    textForever: string;
    sum: (count: number, size: string) => string;
    empty: string;
    emptyText: string;
    restore: string;
    restoreName: (name: string) => string;
    restored: (count: number) => string;
    purge: string;
    purgeAll: string;
    confirm: (count: number) => string;
    confirmText: string;
    cancel: string;
    purged: (count: number) => string;
    deletedAt: (time: string) => string;
    daysLeft: (days: number) => string;
    choose: (name: string) => string;
    more: string;
    all: string;
    root: string;
  };
  close: string;
}

const en: Texts = {
  title: 'Gallery',
  files: 'Files',
  count: (count) => (count === 1 ? '1 file' : `${n(count)} files`),
  sections: { label: 'Parts of the gallery', all: 'All files', albums: 'Albums', trash: 'Trash' },
  today: 'Today',
  yesterday: 'Yesterday',
  favorite: 'favourite',
  hidden: 'hidden',
  stars: (count) => (count === 1 ? '1 star' : `${count} stars`),
  kinds: { all: 'Everything', image: 'Pictures', video: 'Clips', audio: 'Sounds' },
  kindLabel: 'Kind of file',
  choose: (name) => `Select ${name}`,
  chooseAllOf: (count) => (count === 1 ? 'Select' : `Select ${n(count)}`),
  placeOf: (place, total) => `${n(place)} of ${n(total)}`,
  scrubber: 'Move through time',
  arrived: (count) => (count === 1 ? '1 new file' : `${n(count)} new files`),
  indexing: 'The folder is still being read; more files may appear.',
  failed: 'The gallery could not be loaded',
  offline: 'The studio does not answer. Try again in a moment.',
  undo: 'Undo',
  tooMany: 'Too many files are selected to leave single ones out. Narrow the search first.',
  search: {
    label: 'Search the gallery',
    placeholder: 'Search…',
    clear: 'Clear the search',
    wrong: 'This search cannot be read',
    suggestions: 'Suggestions',
    without: (term) => `Remove ${term}`,
    active: 'Active filters',
    files: (count) => n(count),
  },
  filters: {
    button: 'Filters',
    title: 'Filters',
    none: 'Nothing to filter by yet.',
    clear: 'Clear all',
    names: {
      model: 'Model',
      lora: 'LoRA',
      tag: 'Tag',
      album: 'Album',
      rating: 'Rating',
      ratio: 'Shape',
      date: 'Month',
      folder: 'Folder',
      size: 'Size',
      sampler: 'Sampler',
      scheduler: 'Scheduler',
      source: 'Made with',
      has: 'Has',
    },
    values: {
      portrait: 'Portrait',
      landscape: 'Landscape',
      square: 'Square',
      prompt: 'Prompt',
      workflow: 'Workflow',
      '0': 'Not rated',
    },
    show: (count) => (count === 1 ? 'Show 1 file' : `Show ${n(count)} files`),
  },
  display: {
    button: 'View',
    title: 'View',
    sort: 'Order',
    sorts: {
      newest: 'Newest first',
      oldest: 'Oldest first',
      name: 'Name',
      size: 'File size',
      rating: 'Rating',
      duration: 'Length',
      relevance: 'Best match',
      random: 'Shuffled',
    },
    mode: 'Layout',
    grid: 'Grid',
    feed: 'Feed',
    size: 'Picture size',
    favorites: 'Favourites only',
    showHidden: 'Show hidden files',
    shuffle: 'Shuffle again',
  },
  folders: {
    label: 'Folders',
    top: 'All folders',
    open: (name) => `Folder ${name}`,
    failed: 'The folders could not be loaded',
    more: (count) => `Show ${n(count)} more folders`,
  },
  empty: {
    title: 'Nothing here yet',
    text: 'Everything that you render appears here the moment it is finished.',
    create: 'Create the first picture',
    nothing: 'No file fits',
    nothingText: 'Try fewer words, or take a filter away.',
    reset: 'Show everything',
    album: 'This album is empty',
    albumText: 'Select files in the gallery and choose “Add to album”.',
  },
  chosen: {
    label: 'Selected files',
    count: (count) => `${n(count)} selected`,
    all: (count) => `Select all ${n(count)}`,
    none: 'Clear the selection',
    favorite: 'Add to favourites',
    unfavorite: 'Remove from favourites',
    rate: 'Rate',
    tag: 'Tag',
    album: 'Add to album',
    move: 'Move to folder',
    download: 'Download',
    more: 'More',
    remove: 'Delete',
    hide: 'Hide',
    unhide: 'Show again',
    rename: 'Rename',
    strip: 'Download without metadata',
    leave: 'Remove from album',
    cover: 'Use as cover',
  },
  done: {
    favorite: (count) => (count === 1 ? 'Added to favourites.' : `${n(count)} files added to favourites.`),
    unfavorite: (count) => (count === 1 ? 'Removed from favourites.' : `${n(count)} files removed from favourites.`),
    rated: (count, stars) => `${en.stars(stars)} for ${en.count(count)}.`,
    unrated: (count) => `Rating removed from ${en.count(count)}.`,
    tagged: (count) => `Tags changed of ${en.count(count)}.`,
    hidden: (count) => (count === 1 ? 'Hidden.' : `${n(count)} files hidden.`),
    unhidden: (count) => (count === 1 ? 'Shown again.' : `${n(count)} files are shown again.`),
    moved: (count, folder) => `${en.count(count)} moved to ${folder}.`,
    renamed: (name) => `Renamed to ${name}.`,
    album: (count, album) => `${en.count(count)} added to ${album}.`,
    left: (count) => `${en.count(count)} removed from the album.`,
    cover: 'The album has a new cover.',
    folder: (name) => `Folder ${name} created.`,
    albumMade: (name) => `Album ${name} created.`,
    albumRenamed: (name) => `Album renamed to ${name}.`,
    albumDropped: (name) => `Album ${name} deleted. Its files stay.`,
    nothing: 'There was nothing to change.',
  },
  deleted: (count) => (count === 1 ? 'Moved to the trash.' : `${n(count)} files moved to the trash.`),
  notDeleted: (count, reason) => `${en.count(count)} could not be deleted: ${reason}`,
  rate: { title: (count) => `Rate ${en.count(count)}`, none: 'No rating' },
  tags: {
    title: (count) => `Tag ${en.count(count)}`,
    add: 'New tag',
    placeholder: 'portrait, keep, …',
    submit: 'Add',
    existing: 'Tags of the selection',
    remove: (tag) => `Remove the tag ${tag}`,
    used: 'Tags you use',
  },
  albums: {
    title: 'Albums',
    choose: (count) => `Add ${en.count(count)} to an album`,
    name: 'Name of the album',
    create: 'Create album',
    createWith: 'Create and add',
    new: 'New album',
    empty: 'No album yet',
    emptyText: 'Albums gather files without moving them. A file can be in several.',
    open: (name, count) => `${name}, ${en.count(count)}`,
    rename: 'Rename album',
    drop: 'Delete album',
    save: 'Save',
    gone: 'There is no such album any more.',
  },
  move: {
    title: (count) => `Move ${en.count(count)}`,
    here: (folder) => `Move to ${folder}`,
    up: 'Folder above',
    new: 'New folder here',
    make: 'Create folder',
    name: 'Name of the folder',
    none: 'No folders in here.',
  },
  rename: { title: 'Rename file', name: 'Name', hint: 'The extension stays.', save: 'Rename' },
  trash: {
    title: 'Trash',
    text: (days) =>
      `Deleted files stay here for ${days === 1 ? 'one day' : `${n(days)} days`}, then they are removed for good.`,
    textForever: 'Deleted files stay here until you remove them for good.',
    sum: (count, size) => `${en.count(count)}, ${size}`,
    empty: 'The trash is empty',
    emptyText: 'What you delete waits here, so that you can change your mind.',
    restore: 'Restore',
    restoreName: (name) => `Restore ${name}`,
    restored: (count) => (count === 1 ? 'Restored.' : `${n(count)} files restored.`),
    purge: 'Delete for good',
    purgeAll: 'Empty the trash',
    confirm: (count) => `Delete ${en.count(count)} for good?`,
    confirmText: 'This cannot be undone.',
    cancel: 'Keep',
    purged: (count) => `${en.count(count)} deleted for good.`,
    deletedAt: (time) => `deleted ${time}`,
    daysLeft: (days) => (days <= 0 ? 'goes today' : days === 1 ? '1 day left' : `${n(days)} days left`),
    choose: (name) => `Select ${name}`,
    more: 'Show more',
    all: 'Select all',
    root: 'Top folder',
  },
  close: 'Close',
};

const datei = (count: number) => (count === 1 ? '1 Datei' : `${n(count)} Dateien`);

const de: Texts = {
  title: 'Galerie',
  files: 'Dateien',
  count: datei,
  sections: { label: 'Bereiche der Galerie', all: 'Alle Dateien', albums: 'Alben', trash: 'Papierkorb' },
  today: 'Heute',
  yesterday: 'Gestern',
  favorite: 'Favorit',
  hidden: 'verborgen',
  stars: (count) => (count === 1 ? '1 Stern' : `${count} Sterne`),
  kinds: { all: 'Alles', image: 'Bilder', video: 'Clips', audio: 'Töne' },
  kindLabel: 'Art der Datei',
  choose: (name) => `${name} auswählen`,
  chooseAllOf: (count) => (count === 1 ? 'Auswählen' : `${n(count)} auswählen`),
  placeOf: (place, total) => `${n(place)} von ${n(total)}`,
  scrubber: 'Durch die Zeit blättern',
  arrived: (count) => (count === 1 ? '1 neue Datei' : `${n(count)} neue Dateien`),
  indexing: 'Der Ordner wird noch gelesen; es können weitere Dateien erscheinen.',
  failed: 'Die Galerie konnte nicht geladen werden',
  offline: 'Das Studio antwortet nicht. Versuche es gleich noch einmal.',
  undo: 'Rückgängig',
  tooMany: 'Es sind zu viele Dateien ausgewählt, um einzelne wegzulassen. Grenze zuerst die Suche ein.',
  search: {
    label: 'Galerie durchsuchen',
    placeholder: 'Suchen …',
    clear: 'Suche leeren',
    wrong: 'Diese Suche ist nicht verständlich',
    suggestions: 'Vorschläge',
    without: (term) => `${term} entfernen`,
    active: 'Aktive Filter',
    files: (count) => n(count),
  },
  filters: {
    button: 'Filter',
    title: 'Filter',
    none: 'Es gibt noch nichts, wonach gefiltert werden kann.',
    clear: 'Alle entfernen',
    names: {
      model: 'Modell',
      lora: 'LoRA',
      tag: 'Tag',
      album: 'Album',
      rating: 'Bewertung',
      ratio: 'Format',
      date: 'Monat',
      folder: 'Ordner',
      size: 'Größe',
      sampler: 'Sampler',
      scheduler: 'Scheduler',
      source: 'Erstellt mit',
      has: 'Enthält',
    },
    values: {
      portrait: 'Hochformat',
      landscape: 'Querformat',
      square: 'Quadrat',
      prompt: 'Prompt',
      workflow: 'Workflow',
      '0': 'Nicht bewertet',
    },
    show: (count) => `${datei(count)} zeigen`,
  },
  display: {
    button: 'Ansicht',
    title: 'Ansicht',
    sort: 'Reihenfolge',
    sorts: {
      newest: 'Neueste zuerst',
      oldest: 'Älteste zuerst',
      name: 'Name',
      size: 'Dateigröße',
      rating: 'Bewertung',
      duration: 'Länge',
      relevance: 'Beste Treffer',
      random: 'Gemischt',
    },
    mode: 'Anordnung',
    grid: 'Raster',
    feed: 'Einzeln',
    size: 'Bildgröße',
    favorites: 'Nur Favoriten',
    showHidden: 'Verborgene Dateien zeigen',
    shuffle: 'Neu mischen',
  },
  folders: {
    label: 'Ordner',
    top: 'Alle Ordner',
    open: (name) => `Ordner ${name}`,
    failed: 'Die Ordner konnten nicht geladen werden',
    more: (count) => `${n(count)} weitere Ordner zeigen`,
  },
  empty: {
    title: 'Noch ist nichts da',
    text: 'Alles, was du renderst, erscheint hier, sobald es fertig ist.',
    create: 'Erstes Bild erstellen',
    nothing: 'Keine Datei passt',
    nothingText: 'Versuche es mit weniger Wörtern oder entferne einen Filter.',
    reset: 'Alles zeigen',
    album: 'Dieses Album ist leer',
    albumText: 'Wähle in der Galerie Dateien aus und dann „Zum Album hinzufügen“.',
  },
  chosen: {
    label: 'Ausgewählte Dateien',
    count: (count) => `${n(count)} ausgewählt`,
    all: (count) => `Alle ${n(count)} auswählen`,
    none: 'Auswahl aufheben',
    favorite: 'Zu Favoriten hinzufügen',
    unfavorite: 'Aus Favoriten entfernen',
    rate: 'Bewerten',
    tag: 'Taggen',
    album: 'Zum Album hinzufügen',
    move: 'In Ordner verschieben',
    download: 'Herunterladen',
    more: 'Mehr',
    remove: 'Löschen',
    hide: 'Verbergen',
    unhide: 'Wieder zeigen',
    rename: 'Umbenennen',
    strip: 'Ohne Metadaten herunterladen',
    leave: 'Aus dem Album entfernen',
    cover: 'Als Titelbild nehmen',
  },
  done: {
    favorite: (count) =>
      count === 1 ? 'Zu den Favoriten hinzugefügt.' : `${n(count)} Dateien zu den Favoriten hinzugefügt.`,
    unfavorite: (count) =>
      count === 1 ? 'Aus den Favoriten entfernt.' : `${n(count)} Dateien aus den Favoriten entfernt.`,
    rated: (count, stars) => `${de.stars(stars)} für ${datei(count)}.`,
    unrated: (count) => `Bewertung von ${datei(count)} entfernt.`,
    tagged: (count) => `Tags von ${datei(count)} geändert.`,
    hidden: (count) => (count === 1 ? 'Verborgen.' : `${n(count)} Dateien verborgen.`),
    unhidden: (count) => (count === 1 ? 'Wird wieder gezeigt.' : `${n(count)} Dateien werden wieder gezeigt.`),
    moved: (count, folder) => `${datei(count)} nach ${folder} verschoben.`,
    renamed: (name) => `In ${name} umbenannt.`,
    album: (count, album) => `${datei(count)} zu ${album} hinzugefügt.`,
    left: (count) => `${datei(count)} aus dem Album entfernt.`,
    cover: 'Das Album hat ein neues Titelbild.',
    folder: (name) => `Ordner ${name} erstellt.`,
    albumMade: (name) => `Album ${name} erstellt.`,
    albumRenamed: (name) => `Album in ${name} umbenannt.`,
    albumDropped: (name) => `Album ${name} gelöscht. Die Dateien bleiben.`,
    nothing: 'Es gab nichts zu ändern.',
  },
  deleted: (count) => (count === 1 ? 'In den Papierkorb gelegt.' : `${n(count)} Dateien in den Papierkorb gelegt.`),
  notDeleted: (count, reason) =>
    count === 1
      ? `1 Datei ließ sich nicht löschen: ${reason}`
      : `${n(count)} Dateien ließen sich nicht löschen: ${reason}`,
  rate: { title: (count) => `${datei(count)} bewerten`, none: 'Keine Bewertung' },
  tags: {
    title: (count) => `${datei(count)} taggen`,
    add: 'Neuer Tag',
    placeholder: 'Porträt, behalten, …',
    submit: 'Hinzufügen',
    existing: 'Tags der Auswahl',
    remove: (tag) => `Tag ${tag} entfernen`,
    used: 'Deine Tags',
  },
  albums: {
    title: 'Alben',
    choose: (count) => `${datei(count)} zu einem Album hinzufügen`,
    name: 'Name des Albums',
    create: 'Album erstellen',
    createWith: 'Erstellen und hinzufügen',
    new: 'Neues Album',
    empty: 'Noch kein Album',
    emptyText: 'Alben sammeln Dateien, ohne sie zu verschieben. Eine Datei kann in mehreren sein.',
    open: (name, count) => `${name}, ${datei(count)}`,
    rename: 'Album umbenennen',
    drop: 'Album löschen',
    save: 'Speichern',
    gone: 'Dieses Album gibt es nicht mehr.',
  },
  move: {
    title: (count) => `${datei(count)} verschieben`,
    here: (folder) => `Nach ${folder} verschieben`,
    up: 'Ordner darüber',
    new: 'Neuer Ordner hier',
    make: 'Ordner erstellen',
    name: 'Name des Ordners',
    none: 'Hier sind keine Ordner.',
  },
  rename: { title: 'Datei umbenennen', name: 'Name', hint: 'Die Endung bleibt.', save: 'Umbenennen' },
  trash: {
    title: 'Papierkorb',
    text: (days) =>
      `Gelöschte Dateien bleiben ${days === 1 ? 'einen Tag' : `${n(days)} Tage`} hier, danach werden sie endgültig entfernt.`,
    textForever: 'Gelöschte Dateien bleiben hier, bis du sie endgültig entfernst.',
    sum: (count, size) => `${datei(count)}, ${size}`,
    empty: 'Der Papierkorb ist leer',
    emptyText: 'Was du löschst, wartet hier, falls du es dir anders überlegst.',
    restore: 'Wiederherstellen',
    restoreName: (name) => `${name} wiederherstellen`,
    restored: (count) => (count === 1 ? 'Wiederhergestellt.' : `${n(count)} Dateien wiederhergestellt.`),
    purge: 'Endgültig löschen',
    purgeAll: 'Papierkorb leeren',
    confirm: (count) => `${datei(count)} endgültig löschen?`,
    confirmText: 'Das lässt sich nicht rückgängig machen.',
    cancel: 'Behalten',
    purged: (count) => `${datei(count)} endgültig gelöscht.`,
    deletedAt: (time) => `gelöscht ${time}`,
    daysLeft: (days) => (days <= 0 ? 'geht heute' : days === 1 ? 'noch 1 Tag' : `noch ${n(days)} Tage`),
    choose: (name) => `${name} auswählen`,
    more: 'Mehr zeigen',
    all: 'Alle auswählen',
    root: 'Oberster Ordner',
  },
  close: 'Schließen',
};

/** The texts of the gallery, in the language in force. */
export const texts = pageTexts<Texts>({ en, de });
