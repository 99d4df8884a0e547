import type { FormField } from '$lib/api/types';
import { nudge, stepOf } from '$lib/numbers';
import type { Attachment } from 'svelte/attachments';
import type { FormState } from '../form-state.svelte';

/** Where a press becomes a drag. */
const SLACK_PX = 4;
const TRAVEL_PX = 320;
const FAST = 10;

/** How far the pointer goes for one step: the whole range within reach where that is possible. */
export function stepWidth(field: Pick<FormField, 'type' | 'min' | 'max' | 'step'>): number {
  if (field.min === null || field.max === null) return 6;
  return Math.min(16, Math.max(2, TRAVEL_PX / ((field.max - field.min) / stepOf(field))));
}

/** Dragging a number's label to the right raises it, to the left lowers it; with Shift ten times as fast. */
export function dragNumber(field: () => FormField, state: FormState): Attachment<HTMLElement> {
  return (label) => {
    let from: { x: number; text: string } | null = null;
    let moved = false;

    const down = (event: PointerEvent) => {
      moved = false;
      from = event.button === 0 ? { x: event.clientX, text: state.text(field()) } : null;
    };
    const move = (event: PointerEvent) => {
      if (!from) return;
      const distance = event.clientX - from.x;
      if (!moved && Math.abs(distance) < SLACK_PX) return;
      if (!moved) label.setPointerCapture(event.pointerId);
      moved = true;
      const steps = Math.round((distance / stepWidth(field())) * (event.shiftKey ? FAST : 1));
      state.set(field(), steps === 0 ? from.text : nudge(from.text, field(), steps));
    };
    const up = () => (from = null);
    const click = (event: MouseEvent) => {
      // The end of a drag is no click, which would put the focus into the field.
      if (moved) event.preventDefault();
      moved = false;
    };

    label.addEventListener('pointerdown', down);
    label.addEventListener('pointermove', move);
    label.addEventListener('pointerup', up);
    label.addEventListener('pointercancel', up);
    label.addEventListener('click', click);
    return () => {
      label.removeEventListener('pointerdown', down);
      label.removeEventListener('pointermove', move);
      label.removeEventListener('pointerup', up);
      label.removeEventListener('pointercancel', up);
      label.removeEventListener('click', click);
    };
  };
}
