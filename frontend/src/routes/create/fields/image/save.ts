/** Keeping what the editor made: new files in the input folder, the original untouched. */
import { exchange, upload } from '$lib/api/client';
import { parsePicture, pictureName, type PictureRef } from '$lib/images';
import type { EditorState } from './editor-state.svelte';
import { fitting, placing, rounded } from './geometry';
import { encode, renderAside } from './render';
import { hasPaint, type Source } from './source';
import { play } from './strokes';

/** The longest side of the mask that is sent; the server scales it to its picture. */
const MOST = 4096;
/** The server writes the whole picture anew, which takes a while for the largest ones. */
const MASK_MS = 300_000;

export interface Saved {
  /** The value for the field. */
  value: string;
  /** The same picture without a mask. */
  plain: string;
}

interface Order {
  edit: EditorState;
  /** The picture, and the value of a field that leads to it. */
  source: Source;
  plain: string;
  /** The transparency that the picture had. */
  mask: CanvasImageSource | null;
  progress: (fraction: number) => void;
  signal: AbortSignal;
}

/** Upload the picture and its mask. Throws `ApiError`, and what the browser says of pictures too large for it. */
export async function save({ edit, source, plain, mask, progress, signal }: Order): Promise<Saved> {
  const stem = stemOf(plain);
  const painted = paintMask(edit, mask);
  let picture = plain;
  if (edit.geometryChanged) {
    const type = source.file.type === 'image/jpeg' ? 'image/jpeg' : 'image/png';
    const { size, geometry } = edit;
    const made = await renderAside({ file: source.file, size, geometry, type });
    signal.throwIfAborted();
    picture = await upload(new File([made], stem + ending(type), { type }), progress, signal);
  } else if (!hasPaint(painted) && !source.transparent) {
    return { value: plain, plain };
  }
  if (!hasPaint(painted) && edit.geometryChanged) return { value: picture, plain: picture };
  return { value: await uploadMask(painted, picture, stem, signal), plain: picture };
}

const ending = (type: string) => (type === 'image/jpeg' ? '.jpg' : '.png');

function stemOf(value: string): string {
  const name = pictureName(parsePicture(value) as PictureRef);
  const stem = name.replace(/\.[^.]*$/, '').replace(/-mask(?:[ _]\(\d+\))?$/, '');
  return stem || 'picture';
}

/** The mask of the cropped picture. */
function paintMask(edit: EditorState, base: CanvasImageSource | null): HTMLCanvasElement {
  const crop = rounded(edit.geometry.crop, edit.turned);
  const scale = Math.min(1, fitting(crop, { width: MOST, height: MOST }));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(crop.width * scale));
  canvas.height = Math.max(1, Math.round(crop.height * scale));
  const context = canvas.getContext('2d');
  if (!context) throw new Error('canvas');
  play(context, placing(edit.size, edit.geometry, crop, scale), edit.steps, base, edit.size);
  return canvas;
}

/** ComfyUI's way: what is masked is transparent, and the picture below stays as it is. The value of the new file. */
async function uploadMask(
  mask: HTMLCanvasElement,
  picture: string,
  stem: string,
  signal: AbortSignal,
): Promise<string> {
  const context = mask.getContext('2d') as CanvasRenderingContext2D;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalCompositeOperation = 'source-out';
  context.fillRect(0, 0, mask.width, mask.height);
  const { source, subfolder, filename } = parsePicture(picture) as PictureRef;
  const form = new FormData();
  form.append('image', await encode(mask, 'image/png'), `${stem}-mask.png`);
  form.append('original_ref', JSON.stringify({ filename, subfolder, type: source }));
  form.append('type', 'input');
  const answer = await exchange('/upload/mask', { method: 'POST', body: form }, signal, MASK_MS);
  const stored = JSON.parse(answer) as { name: string; subfolder: string };
  return stored.subfolder ? `${stored.subfolder}/${stored.name}` : stored.name;
}
