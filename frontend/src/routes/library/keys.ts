/** A key that a page may take for itself: nobody is typing, and nothing lies over the page. */
export function isFree(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const target = event.target as HTMLElement | null;
  if (target?.closest('input, textarea, select, [contenteditable]:not([contenteditable=false])')) return false;
  return document.querySelector('dialog[open]') === null;
}

/** A click that the app follows by itself, and not the browser into another tab. */
export const isPlain = (event: MouseEvent): boolean =>
  !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button !== 0);
