export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** How a picture is looked at: 1 is all of it; its centre is `x`, `y` pixels off the middle of the stage. */
export interface View {
  scale: number;
  x: number;
  y: number;
}

export const WHOLE: View = { scale: 1, x: 0, y: 0 };

const LEAST_ZOOM = 4;
const PIXEL_ZOOM = 4;
const TAP_ZOOM = 2.5;

/** The largest size of a picture's shape that fits the stage. */
export function fitSize(picture: Size, stage: Size): Size {
  if (!(picture.width > 0 && picture.height > 0)) return { width: 0, height: 0 };
  const factor = Math.min(stage.width / picture.width, stage.height / picture.height);
  return { width: picture.width * factor, height: picture.height * factor };
}

/** How far a picture of this many pixels can be zoomed in: at least until its pixels can be told apart. */
export function mostZoom(picture: Size, fit: Size): number {
  return fit.width > 0 ? Math.max(LEAST_ZOOM, (PIXEL_ZOOM * picture.width) / fit.width) : 1;
}

/** Where a double tap zooms to: one pixel of the picture for one of the screen, if that is clearly more than all. */
export function tapZoom(picture: Size, fit: Size, density: number): number {
  const pixels = fit.width > 0 ? picture.width / (fit.width * density) : 0;
  return Math.min(mostZoom(picture, fit), pixels > 1.4 ? pixels : TAP_ZOOM);
}

/** The view with no empty stage beside a picture that is larger than it, and a smaller picture in the middle. */
export function clampView(view: View, fit: Size, stage: Size, most: number): View {
  const scale = Math.min(Math.max(view.scale, 1), most);
  const x = Math.max(0, (fit.width * scale - stage.width) / 2);
  const y = Math.max(0, (fit.height * scale - stage.height) / 2);
  return { scale, x: within(view.x, x), y: within(view.y, y) };
}

function within(value: number, most: number): number {
  return Math.min(most, Math.max(-most, value)) || 0;
}

/** The view `factor` times closer, with what is at `point` (from the middle of the stage) kept there. */
export function zoomAt(view: View, factor: number, point: Point, most: number): View {
  const scale = Math.min(Math.max(view.scale * factor, 1), most);
  const grown = scale / view.scale;
  return { scale, x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown };
}
