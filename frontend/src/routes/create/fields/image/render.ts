/** Making the edited picture from the file, at its full resolution. Runs in a worker where there can be one. */
import { placing, rounded, turnedSize, type Geometry, type Size } from './geometry';

export interface RenderOrder {
  file: Blob;
  size: Size;
  geometry: Geometry;
  type: 'image/jpeg' | 'image/png';
}

type Surface = { width: number; height: number } & (OffscreenCanvas | HTMLCanvasElement);

const JPEG_QUALITY = 0.95;

/** Decode, turn, crop and encode on a canvas that `make` gives. Throws where the picture is too large for one. */
export async function render(order: RenderOrder, make: (size: Size) => Surface): Promise<Blob> {
  const { size, geometry } = order;
  const crop = rounded(geometry.crop, turnedSize(size, geometry));
  const bitmap = await createImageBitmap(order.file, { imageOrientation: 'from-image' });
  try {
    const surface = make({ width: crop.width, height: crop.height });
    const context = surface.getContext('2d') as CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null;
    if (!context) throw new Error('no canvas of this size');
    context.setTransform(...placing(size, geometry, crop));
    context.drawImage(bitmap, 0, 0, size.width, size.height);
    return await encode(surface, order.type);
  } finally {
    bitmap.close();
  }
}

/** A canvas as a file. */
export async function encode(surface: Surface, type: string): Promise<Blob> {
  if (!('toBlob' in surface)) return surface.convertToBlob({ type, quality: JPEG_QUALITY });
  return new Promise((resolve, reject) => {
    surface.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large'))),
      type,
      JPEG_QUALITY,
    );
  });
}

/** Render away from the main thread; on it where the browser has no canvas in workers. */
export function renderAside(order: RenderOrder): Promise<Blob> {
  const onPage = () =>
    render(order, ({ width, height }) => Object.assign(document.createElement('canvas'), { width, height }));
  if (typeof OffscreenCanvas === 'undefined' || typeof Worker === 'undefined') return onPage();
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./render.worker.ts', import.meta.url), { type: 'module' });
    const end = (done: () => void) => {
      worker.terminate();
      done();
    };
    worker.onmessage = ({ data }: MessageEvent<Blob | string>) =>
      end(() => (typeof data === 'string' ? reject(new Error(data)) : resolve(data)));
    worker.onerror = (event) => {
      event.preventDefault();
      end(() => onPage().then(resolve, reject));
    };
    worker.postMessage(order);
  });
}
