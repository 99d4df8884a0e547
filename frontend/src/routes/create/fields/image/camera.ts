/** Where a picture is on the screen: how many screen pixels one of its pixels takes, and where its corner is. */
import type { Size } from './geometry';
import { fitting } from './geometry';

export interface Camera {
  zoom: number;
  x: number;
  y: number;
}

/** Most times that a pixel of the picture is enlarged. */
const CLOSEST = 16;

/** The whole picture, in the middle. */
export function fitted(size: Size, room: Size, margin: number): Camera {
  const zoom = fitting(size, {
    width: Math.max(1, room.width - 2 * margin),
    height: Math.max(1, room.height - 2 * margin),
  });
  return { zoom, x: (room.width - size.width * zoom) / 2, y: (room.height - size.height * zoom) / 2 };
}

/** Zoomed so that the point of the screen keeps showing the same spot; never smaller than half of what fits. */
export function zoomed(camera: Camera, factor: number, x: number, y: number, fit: number): Camera {
  const zoom = Math.max(Math.min(fit / 2, CLOSEST), Math.min(camera.zoom * factor, Math.max(CLOSEST, fit)));
  const change = zoom / camera.zoom;
  return { zoom, x: x - (x - camera.x) * change, y: y - (y - camera.y) * change };
}

/** Moved; some of the picture stays in sight. */
export function panned(camera: Camera, dx: number, dy: number, size: Size, room: Size): Camera {
  const keep = 48;
  const within = (value: number, length: number, space: number) =>
    Math.max(Math.min(keep, space) - length, Math.min(value, space - Math.min(keep, space)));
  return {
    zoom: camera.zoom,
    x: within(camera.x + dx, size.width * camera.zoom, room.width),
    y: within(camera.y + dy, size.height * camera.zoom, room.height),
  };
}
