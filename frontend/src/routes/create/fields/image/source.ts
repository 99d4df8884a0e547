/** Reading a picture for the editor. */
import { fitting, type Size } from './geometry';

/** The longest side of what the screen shows; the file itself keeps every pixel. */
const MOST = 2048;

export interface Source {
  file: Blob;
  /** Upright, in pixels. */
  size: Size;
  /** The picture, upright, no larger than the screen needs. */
  view: HTMLCanvasElement;
  /** Whether anything in it is transparent. */
  transparent: boolean;
}

/** Fetch and decode a picture. Throws when it cannot be had or read. */
export async function readSource(url: string, signal: AbortSignal): Promise<Source> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
  const file = await response.blob();
  const size = await measure(file);
  const view = await shrink(file, size);
  signal.throwIfAborted();
  return { file, size, view, transparent: file.type !== 'image/jpeg' && hasTransparency(view) };
}

/** The size as shown: an `<img>` knows it from the header, and turns the picture as its EXIF says. */
async function measure(file: Blob): Promise<Size> {
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = () => reject(new Error(file.type));
      image.src = url;
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Decoded and scaled down off the main thread, where the browser can. */
async function shrink(file: Blob, size: Size): Promise<HTMLCanvasElement> {
  const scale = Math.min(1, fitting(size, { width: MOST, height: MOST }));
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));
  const options: ImageBitmapOptions = { imageOrientation: 'from-image' };
  const bitmap = await createImageBitmap(file, {
    ...options,
    resizeWidth: width,
    resizeHeight: height,
    resizeQuality: 'medium',
  }).catch(() => createImageBitmap(file, options));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { willReadFrequently: false });
  if (!context) throw new Error('canvas');
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}

/** Whether any pixel of a canvas is not opaque. */
export function hasTransparency(canvas: HTMLCanvasElement): boolean {
  return someAlpha(canvas, (alpha) => alpha < 255);
}

/** Whether anything is painted on a canvas. */
export function hasPaint(canvas: HTMLCanvasElement): boolean {
  return someAlpha(canvas, (alpha) => alpha > 0);
}

function someAlpha(canvas: HTMLCanvasElement, fits: (alpha: number) => boolean): boolean {
  const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(
    0,
    0,
    canvas.width,
    canvas.height,
  );
  for (let at = 3; at < data.length; at += 4) if (fits(data[at] as number)) return true;
  return false;
}
