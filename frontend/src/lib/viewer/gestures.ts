import type { Point } from './zoom';

/** What fingers and pointers do on the stage. Points are in pixels from its top left. */
export interface Listener {
  /** Whether the picture is larger than the stage, so that dragging moves it. */
  zoomed(): boolean;
  pan(dx: number, dy: number): void;
  /** Dragged sideways by `dx` so far. */
  swipe(dx: number): void;
  /** Let go sideways, at a speed in pixels a millisecond. */
  swiped(dx: number, speed: number): void;
  /** Dragged up or down by `dy` so far. */
  lift(dy: number): void;
  lifted(dy: number, speed: number): void;
  /** Two fingers that move apart (`factor` > 1) around `point`, which moved by `dx`, `dy`. */
  pinch(factor: number, point: Point, dx: number, dy: number): void;
  /** Two fingers, or those that moved the picture, are off. */
  settled(): void;
  tap(point: Point): void;
  doubleTap(point: Point): void;
}

type Phase = 'idle' | 'pressed' | 'sideways' | 'upright' | 'panning' | 'pinching' | 'spent';

interface Finger extends Point {
  time: number;
}

const SLACK = 8;
const TAP_MS = 350;
const DOUBLE_MS = 300;
const DOUBLE_PIXELS = 40;
const SPEED_MS = 80;

/** Tells gestures apart. Times are in milliseconds. */
export class Gestures {
  #phase: Phase = 'idle';
  #fingers = new Map<number, Finger>();
  #start: Finger = { x: 0, y: 0, time: 0 };
  #trail: Finger[] = [];
  #tapped: Finger | null = null;

  constructor(private readonly listener: Listener) {}

  down(id: number, x: number, y: number, time: number): void {
    this.#fingers.set(id, { x, y, time });
    if (this.#fingers.size === 1) {
      this.#phase = 'pressed';
      this.#start = { x, y, time };
      this.#trail = [this.#start];
    } else if (this.#fingers.size === 2) {
      this.#end(time);
      this.#phase = 'pinching';
    }
  }

  move(id: number, x: number, y: number, time: number): void {
    const before = this.#fingers.get(id);
    if (!before) return;
    if (this.#phase === 'pinching') this.#pinch(id, { x, y, time });
    this.#fingers.set(id, { x, y, time });
    if (this.#phase === 'pinching' || this.#phase === 'spent') return;
    const dx = x - this.#start.x;
    const dy = y - this.#start.y;
    if (this.#phase === 'pressed') {
      if (Math.hypot(dx, dy) < SLACK) return;
      this.#phase = this.listener.zoomed() ? 'panning' : Math.abs(dx) > Math.abs(dy) ? 'sideways' : 'upright';
    }
    this.#trail = [...this.#trail.filter((point) => time - point.time < SPEED_MS), { x, y, time }];
    if (this.#phase === 'panning') this.listener.pan(x - before.x, y - before.y);
    else if (this.#phase === 'sideways') this.listener.swipe(dx);
    else if (this.#phase === 'upright') this.listener.lift(dy);
  }

  up(id: number, time: number): void {
    const finger = this.#fingers.get(id);
    if (!finger) return;
    this.#fingers.delete(id);
    if (this.#phase === 'pinching') {
      // The finger that stays does nothing more: it would jerk the picture.
      this.#phase = 'spent';
      this.listener.settled();
    } else if (this.#phase === 'pressed') {
      this.#tap({ ...finger, time });
    } else {
      this.#end(time);
    }
    if (this.#fingers.size === 0) this.#phase = 'idle';
  }

  /** The system took the pointer away: nothing of it counts. */
  cancel(id: number): void {
    if (!this.#fingers.delete(id)) return;
    if (this.#phase === 'sideways') this.listener.swiped(0, 0);
    else if (this.#phase === 'upright') this.listener.lifted(0, 0);
    else if (this.#phase === 'panning' || this.#phase === 'pinching') this.listener.settled();
    this.#phase = this.#fingers.size === 0 ? 'idle' : 'spent';
  }

  #end(time: number): void {
    const last = this.#trail.at(-1) ?? this.#start;
    const first = this.#trail.find((point) => time - point.time < SPEED_MS) ?? last;
    const elapsed = Math.max(1, last.time - first.time);
    if (this.#phase === 'sideways') this.listener.swiped(last.x - this.#start.x, (last.x - first.x) / elapsed);
    else if (this.#phase === 'upright') this.listener.lifted(last.y - this.#start.y, (last.y - first.y) / elapsed);
    else if (this.#phase === 'panning') this.listener.settled();
  }

  #tap(finger: Finger): void {
    if (finger.time - this.#start.time > TAP_MS) return;
    const first = this.#tapped;
    const again =
      first !== null &&
      finger.time - first.time < DOUBLE_MS &&
      Math.hypot(finger.x - first.x, finger.y - first.y) < DOUBLE_PIXELS;
    this.#tapped = again ? null : finger;
    if (again) this.listener.doubleTap(finger);
    else this.listener.tap(finger);
  }

  #pinch(id: number, moved: Finger): void {
    const [a, b] = [...this.#fingers.entries()].slice(0, 2);
    if (!a || !b || (a[0] !== id && b[0] !== id)) return;
    const from = [a[1], b[1]] as const;
    const to = from.map((finger, place) => ((place === 0 ? a : b)[0] === id ? moved : finger)) as [Finger, Finger];
    const apart = (pair: readonly [Point, Point]) => Math.hypot(pair[0].x - pair[1].x, pair[0].y - pair[1].y);
    const middle = (pair: readonly [Point, Point]) => ({
      x: (pair[0].x + pair[1].x) / 2,
      y: (pair[0].y + pair[1].y) / 2,
    });
    const [was, is] = [middle(from), middle(to)];
    const factor = apart(to) / Math.max(1, apart(from));
    this.listener.pinch(factor, is, is.x - was.x, is.y - was.y);
  }
}
