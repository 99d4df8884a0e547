import { isUntouched, turnedSize, untouched, whole, type Geometry, type Rect, type Size } from './geometry';
import type { Step } from './strokes';

interface Moment {
  geometry: Geometry;
  steps: readonly Step[];
}

/** What has been done to a picture in the editor, with a way back and forth. */
export class EditorState {
  readonly size: Size;
  /** While a crop is dragged this differs from what undo knows. */
  geometry = $state.raw<Geometry>() as Geometry;
  steps = $state.raw<readonly Step[]>([]);
  #past = $state.raw<readonly Moment[]>([]);
  #future = $state.raw<readonly Moment[]>([]);
  #kept: Moment;

  constructor(size: Size) {
    this.size = size;
    this.geometry = untouched(size);
    this.#kept = { geometry: this.geometry, steps: [] };
  }

  get canUndo(): boolean {
    return this.#past.length > 0;
  }

  get canRedo(): boolean {
    return this.#future.length > 0;
  }

  /** The size of the turned picture, which the crop is a part of. */
  get turned(): Size {
    return turnedSize(this.size, this.geometry);
  }

  get geometryChanged(): boolean {
    return !isUntouched(this.geometry, this.size);
  }

  get maskChanged(): boolean {
    return this.steps.length > 0;
  }

  get changed(): boolean {
    return this.geometryChanged || this.maskChanged;
  }

  /** Show a crop that is not settled yet. */
  drag(crop: Rect): void {
    this.geometry = { ...this.geometry, crop };
  }

  /** Settle what is shown. */
  settle(): void {
    this.#commit({ geometry: this.geometry, steps: this.steps });
  }

  setGeometry(geometry: Geometry): void {
    this.#commit({ geometry, steps: this.steps });
  }

  resetGeometry(): void {
    this.setGeometry({ turns: 0, mirrored: false, crop: whole(this.size) });
  }

  add(step: Step): void {
    this.#commit({ geometry: this.geometry, steps: [...this.steps, step] });
  }

  undo(): void {
    const before = this.#past.at(-1);
    if (!before) return;
    this.#future = [this.#kept, ...this.#future];
    this.#past = this.#past.slice(0, -1);
    this.#show(before);
  }

  redo(): void {
    const [after, ...rest] = this.#future;
    if (!after) return;
    this.#past = [...this.#past, this.#kept];
    this.#future = rest;
    this.#show(after);
  }

  #commit(next: Moment): void {
    if (next.geometry === this.#kept.geometry && next.steps === this.#kept.steps) return;
    this.#past = [...this.#past, this.#kept];
    this.#future = [];
    this.#show(next);
  }

  #show(moment: Moment): void {
    this.#kept = moment;
    this.geometry = moment.geometry;
    this.steps = moment.steps;
  }
}
