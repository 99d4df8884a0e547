/** A mask as the list of what was done to it; played back, it is the mask at any resolution. */
import type { Matrix, Size } from './geometry';

/** A line of a round brush. `points` are x, y (pixels of the picture) and pressure (0..1), one after the other. */
export interface Stroke {
  kind: 'stroke';
  erase: boolean;
  /** Diameter in pixels of the picture, at full pressure. */
  size: number;
  points: number[];
}

export type Step = Stroke | { kind: 'invert' } | { kind: 'clear' };

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const PER_POINT = 3;

function fill(context: Context, mode: GlobalCompositeOperation): void {
  context.save();
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalCompositeOperation = mode;
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.restore();
}

/** Draw a stroke from the point with the number `from` on. */
export function drawStroke(context: Context, stroke: Stroke, from = 0): void {
  const { points } = stroke;
  context.save();
  context.globalCompositeOperation = stroke.erase ? 'destination-out' : 'source-over';
  context.strokeStyle = context.fillStyle;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  const count = points.length / PER_POINT;
  for (let index = Math.max(from, count === 1 ? 0 : 1); index < count; index++) {
    const at = index * PER_POINT;
    const before = Math.max(0, at - PER_POINT);
    const [x, y] = [points[at] as number, points[at + 1] as number];
    context.lineWidth = stroke.size * (points[at + 2] as number);
    context.beginPath();
    context.moveTo(points[before] as number, points[before + 1] as number);
    // A line of no length is drawn as a dot, but not by every browser.
    context.lineTo(at === before ? x + 0.01 : x, y);
    context.stroke();
  }
  context.restore();
}

/** Do one step. The context's transform leads from the picture's pixels to the canvas. */
export function perform(context: Context, step: Step): void {
  if (step.kind === 'stroke') drawStroke(context, step);
  else if (step.kind === 'invert') fill(context, 'source-out');
  else fill(context, 'destination-out');
}

/**
 * Paint a mask: what is transparent in `base` (a picture of `size` at any resolution), then the steps. `matrix` leads
 * from the picture's pixels to the canvas; the context's fill style is the colour of the mask.
 */
export function play(
  context: Context,
  matrix: Matrix,
  steps: readonly Step[],
  base: CanvasImageSource | null,
  size: Size,
): void {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  context.setTransform(...matrix);
  if (base) {
    fill(context, 'source-over');
    context.globalCompositeOperation = 'destination-out';
    context.drawImage(base, 0, 0, size.width, size.height);
    context.globalCompositeOperation = 'source-over';
  }
  // What came before the last clearing is gone.
  const cleared = steps.findLastIndex((step) => step.kind === 'clear');
  for (const step of steps.slice(Math.max(0, cleared))) perform(context, step);
}
