import { fileUrl, thumbUrl } from './media';
import { address } from './api/client';

const OUTPUT = 'output::';

/** A picture that a form refers to: a path in the input folder, or a result. */
export interface PictureRef {
  source: 'input' | 'output';
  subfolder: string;
  filename: string;
}

/** Read the value of an image field: `folder/name.png` (inputs) or `output::folder::name.png`. */
export function parsePicture(value: string): PictureRef | null {
  if (value.startsWith(OUTPUT)) {
    const rest = value.slice(OUTPUT.length);
    const cut = rest.lastIndexOf('::');
    if (cut < 0) return null;
    return { source: 'output', subfolder: rest.slice(0, cut), filename: rest.slice(cut + 2) };
  }
  const path = value.replaceAll('\\', '/');
  const cut = path.lastIndexOf('/');
  const filename = path.slice(cut + 1);
  return filename ? { source: 'input', subfolder: cut < 0 ? '' : path.slice(0, cut), filename } : null;
}

/** The value of an image field for a result. */
export function resultValue(subfolder: string, filename: string): string {
  return `${OUTPUT}${subfolder}::${filename}`;
}

/** A name for people: uploads carry a long random prefix. */
export function pictureName(picture: PictureRef): string {
  return picture.filename.replace(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}_/, '');
}

/** A small picture of it; another `version` asks anew. */
export function pictureThumb(picture: PictureRef, width: number, version = 0): string {
  return thumbUrl(picture.source, picture.filename, picture.subfolder, width, version);
}

/** The picture itself. */
export function pictureUrl(picture: PictureRef): string {
  if (picture.source === 'output') return fileUrl(picture.filename, picture.subfolder, 'output');
  const path = picture.subfolder ? `${picture.subfolder}/${picture.filename}` : picture.filename;
  return address('/cozygen/input/file', {}, { path });
}
