/** Where a press becomes a drag. */
const SLACK_PX = 6;
/** How long a finger rests before it drags instead of scrolls. */
const REST_MS = 280;
/** How far the pointer goes for one step of a weight. */
const PER_STEP_PX = 6;

export interface Drop {
  /** The element that is dragged. */
  id: number;
  /** Its place among the elements when it is let go here. */
  to: number;
}

/** Where an element lands that is let go before or behind another. */
export function landing(id: number, over: number, behind: boolean): number {
  const gap = behind ? over + 1 : over;
  return gap > id ? gap - 1 : gap;
}

/** Moves elements of a list by their `data-chip`: a mouse at once, a finger after it has rested. */
export function reorder(shows: (drop: Drop | null) => void, drops: (drop: Drop) => void) {
  return (list: HTMLElement) => {
    let held: { id: number; x: number; y: number; pointer: number; ready: boolean } | null = null;
    let drop: Drop | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let dragged = false;

    const idOf = (target: EventTarget | null) => {
      const chip = target instanceof Element ? target.closest<HTMLElement>('[data-chip]') : null;
      return chip ? Number(chip.dataset.chip) : null;
    };
    const down = (event: PointerEvent) => {
      dragged = false;
      const id = idOf(event.target);
      if (id === null || event.button !== 0 || (event.target as Element).closest('[data-fixed]')) return;
      held = { id, x: event.clientX, y: event.clientY, pointer: event.pointerId, ready: event.pointerType === 'mouse' };
      if (!held.ready) timer = setTimeout(() => held && begin(held), REST_MS);
    };
    const begin = (grip: NonNullable<typeof held>) => {
      grip.ready = true;
      dragged = true;
      drop = { id: grip.id, to: grip.id };
      shows(drop);
    };
    const move = (event: PointerEvent) => {
      if (held?.pointer !== event.pointerId) return;
      const far = Math.hypot(event.clientX - held.x, event.clientY - held.y) > SLACK_PX;
      if (!held.ready) {
        if (far) end();
        return;
      }
      if (!dragged && !far) return;
      if (!dragged) begin(held);
      if (!list.hasPointerCapture(event.pointerId)) list.setPointerCapture(event.pointerId);
      const over = document.elementFromPoint(event.clientX, event.clientY);
      const target = idOf(over);
      const chip = over?.closest('[data-chip]');
      if (target === null || !chip) return;
      const box = chip.getBoundingClientRect();
      drop = { id: held.id, to: landing(held.id, target, event.clientX > box.left + box.width / 2) };
      shows(drop);
    };
    const up = () => {
      const done = drop;
      end();
      if (done && done.to !== done.id) drops(done);
    };
    const end = () => {
      clearTimeout(timer);
      held = null;
      drop = null;
      shows(null);
    };
    const click = (event: MouseEvent) => {
      if (!dragged) return;
      dragged = false;
      event.preventDefault();
      event.stopPropagation();
    };
    // While a finger drags, the list is not to scroll.
    const still = (event: TouchEvent) => {
      if (drop) event.preventDefault();
    };
    const menu = (event: Event) => {
      if (held) event.preventDefault();
    };
    const listeners = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: end, contextmenu: menu };
    for (const [name, listener] of Object.entries(listeners)) list.addEventListener(name, listener as EventListener);
    list.addEventListener('click', click, true);
    list.addEventListener('touchmove', still, { passive: false });
    return () => {
      end();
      for (const [name, listener] of Object.entries(listeners))
        list.removeEventListener(name, listener as EventListener);
      list.removeEventListener('click', click, true);
      list.removeEventListener('touchmove', still);
    };
  };
}

/** Dragging sideways or turning the wheel over a weight: `steps` gets how many steps it is from where it began. */
export function scrub(begins: () => void, steps: (count: number) => void, turned: (step: number) => void) {
  return (badge: HTMLElement) => {
    let from: number | null = null;
    let dragged = false;
    const down = (event: PointerEvent) => {
      dragged = false;
      if (event.button !== 0) return;
      from = event.clientX;
      begins();
    };
    const move = (event: PointerEvent) => {
      if (from === null) return;
      const distance = event.clientX - from;
      if (!dragged && Math.abs(distance) < SLACK_PX) return;
      if (!dragged) badge.setPointerCapture(event.pointerId);
      dragged = true;
      steps(Math.round(distance / PER_STEP_PX));
    };
    const up = () => (from = null);
    const click = (event: MouseEvent) => {
      if (dragged) event.stopImmediatePropagation();
    };
    const wheel = (event: WheelEvent) => {
      if (event.ctrlKey || event.deltaY === 0) return; // that zooms the page
      event.preventDefault();
      turned(event.deltaY < 0 ? 1 : -1);
    };
    badge.addEventListener('pointerdown', down);
    badge.addEventListener('pointermove', move);
    badge.addEventListener('pointerup', up);
    badge.addEventListener('pointercancel', up);
    badge.addEventListener('click', click, true);
    badge.addEventListener('wheel', wheel, { passive: false });
    return () => {
      badge.removeEventListener('pointerdown', down);
      badge.removeEventListener('pointermove', move);
      badge.removeEventListener('pointerup', up);
      badge.removeEventListener('pointercancel', up);
      badge.removeEventListener('click', click, true);
      badge.removeEventListener('wheel', wheel);
    };
  };
}
