import { address } from './api/client';
import type { Job, MediaKind } from './api/types';
import { shownOutputs } from './live/jobs';

const EXTENSIONS: Record<MediaKind, readonly string[]> = {
  image: ['png', 'jpg', 'jpeg', 'webp', 'gif', 'bmp', 'tif', 'tiff', 'avif', 'apng'],
  video: ['mp4', 'webm', 'mov', 'mkv'],
  audio: ['mp3', 'wav', 'flac', 'ogg', 'm4a', 'opus'],
};

/** A finished file, as the strip and the stage show it. */
export interface Piece {
  /** `<subfolder>/<filename>`, unique in the output folder. */
  key: string;
  filename: string;
  subfolder: string;
  type: string;
  kind: MediaKind;
  url: string;
  thumb: string;
  /** Seconds since the epoch. */
  time: number;
}

interface GalleryFile {
  filename: string;
  subfolder: string;
  type: string;
  mtime: number;
}

/** What a file is, by its name; null for what the studio does not show. */
export function mediaKind(filename: string): MediaKind | null {
  const extension = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
  for (const kind of Object.keys(EXTENSIONS) as MediaKind[]) {
    if (EXTENSIONS[kind].includes(extension)) return kind;
  }
  return null;
}

/** The file itself. */
export function fileUrl(filename: string, subfolder: string, type: string): string {
  return address('/view', {}, { filename, subfolder, type });
}

/** A small picture of a file. Thumbnails are cached for good, so `version` must change when the file does. */
export function thumbUrl(
  type: string,
  filename: string,
  subfolder: string,
  width: number,
  version: string | number,
): string {
  return address('/cozygen/thumb', {}, { type, filename, subfolder, w: width, fmt: 'auto', v: version });
}

const THUMB_WIDTH = 384;

function piece(file: GalleryFile, version: string | number, time: number): Piece | null {
  const kind = mediaKind(file.filename);
  if (kind === null) return null;
  return {
    key: file.subfolder ? `${file.subfolder}/${file.filename}` : file.filename,
    filename: file.filename,
    subfolder: file.subfolder,
    type: file.type,
    kind,
    url: fileUrl(file.filename, file.subfolder, file.type),
    thumb: thumbUrl('output', file.filename, file.subfolder, THUMB_WIDTH, version),
    time,
  };
}

/** The pieces that a job made. */
export function jobPieces(job: Job): Piece[] {
  const time = job.finished_at ?? job.started_at ?? job.created_at;
  return shownOutputs(job)
    .filter((output) => output.type !== 'input')
    .map((output) => piece({ ...output, mtime: time }, job.id.slice(0, 8), time))
    .filter((found) => found !== null);
}

/** A piece from a line of the gallery; null for folders and foreign files. */
export function galleryPiece(item: GalleryFile): Piece | null {
  return item.type === 'output' ? piece(item, item.mtime, item.mtime) : null;
}

/**
 * The strip: what jobs made in this session (known before the gallery is asked again) and the gallery, newest first,
 * each file once. A file seen through its job keeps that address, so that its thumbnail is not loaded twice.
 */
export function mergePieces(fromJobs: readonly Piece[], fromGallery: readonly Piece[]): Piece[] {
  const merged = new Map<string, Piece>();
  for (const found of fromJobs) {
    const known = merged.get(found.key);
    if (!known || known.time < found.time) merged.set(found.key, found);
  }
  for (const found of fromGallery) if (!merged.has(found.key)) merged.set(found.key, found);
  return [...merged.values()].sort((a, b) => b.time - a.time || (a.key < b.key ? 1 : -1));
}
