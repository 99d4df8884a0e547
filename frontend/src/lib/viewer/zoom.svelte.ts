import { clampView, fitSize, mostZoom, tapZoom, WHOLE, zoomAt, type Point, type Size, type View } from './zoom';

const CENTRE: Point = { x: 0, y: 0 };
const NOTHING: Size = { width: 0, height: 0 };

/** How the file in the middle of the stage is looked at. */
export class Zoom {
  view = $state.raw<View>(WHOLE);
  stage = $state.raw<Size>(NOTHING);
  picture = $state.raw<Size>(NOTHING);
  /** The view moves by itself to where it was told to go; a finger takes it along at once. */
  smooth = $state(true);

  readonly fit = $derived(fitSize(this.picture, this.stage));
  readonly most = $derived(mostZoom(this.picture, this.fit));
  readonly zoomed = $derived(this.view.scale > 1.005);

  by(factor: number, point: Point = CENTRE, smooth = true): void {
    this.#look(zoomAt(this.view, factor, point, this.most), smooth);
  }

  pan(dx: number, dy: number): void {
    this.#look({ ...this.view, x: this.view.x + dx, y: this.view.y + dy }, false);
  }

  /** All of it, or a close look at a point. */
  toggle(point: Point): void {
    if (this.zoomed) this.reset();
    else this.by(tapZoom(this.picture, this.fit, window.devicePixelRatio), point);
  }

  reset(): void {
    this.#look(WHOLE, true);
  }

  look(view: View): void {
    this.#look(view, false);
  }

  #look(view: View, smooth: boolean): void {
    this.smooth = smooth;
    this.view = clampView(view, this.fit, this.stage, this.most);
  }
}
