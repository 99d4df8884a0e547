import type { components } from '../api/schema';
import { fileUrl, mediaKind, thumbUrl } from '../media';
import type { MediaKind } from '../api/types';

/** A line of the gallery as the server tells it. */
export type GalleryItem = components['schemas']['GalleryItem'];

/** A row of files that may be long and is loaded piece by piece, such as what a search found. */
export interface ItemSequence {
  /** How many there are; it may change while somebody looks. */
  readonly total: number;
  /** The file at a place, null while it is not loaded. Reactive. */
  at(index: number): GalleryItem | null;
  /** Have what is around a place loaded. */
  want(index: number): void;
}

/** Names a file in the output folder: `<subfolder>/<filename>`. */
export function itemKey(item: Pick<GalleryItem, 'filename' | 'subfolder'>): string {
  return item.subfolder ? `${item.subfolder}/${item.filename}` : item.filename;
}

/** The path of a file's page: `/cozygen/view/<subfolder>/<filename>`. */
export function viewSegments(item: Pick<GalleryItem, 'filename' | 'subfolder'>): string[] {
  return ['view', ...itemKey(item).split('/')];
}

/** The file itself. */
export function itemUrl(item: GalleryItem): string {
  return fileUrl(item.filename, item.subfolder, item.type);
}

/** A picture of the file, `width` pixels wide. */
export function itemThumb(item: GalleryItem, width: number): string {
  return thumbUrl(item.type, item.filename, item.subfolder, width, item.mtime);
}

/** What the file is. */
export function itemKind(item: GalleryItem): MediaKind {
  return item.media_kind ?? mediaKind(item.filename) ?? 'image';
}
