/** Dialogs, and where messages are shown, or will be. */
const BESIDE = 'dialog, [popover], :has(> [popover]), :empty';

/**
 * Shows an element over everything, in the top layer, and makes all else inert until it is gone: as an open modal
 * dialog, but for messages and dialogs, which can be used above it. Afterwards the focus is where it was.
 */
export function modal(node: HTMLElement): () => void {
  const before = document.activeElement;
  const stilled: HTMLElement[] = [];
  for (let at: HTMLElement = node; at.parentElement && at !== document.body; at = at.parentElement) {
    for (const sibling of at.parentElement.children) {
      if (sibling === at || !(sibling instanceof HTMLElement) || sibling.inert || sibling.matches(BESIDE)) continue;
      sibling.inert = true;
      stilled.push(sibling);
    }
  }
  const { overflow } = document.documentElement.style;
  document.documentElement.style.overflow = 'hidden';
  node.showPopover();
  node.focus({ preventScroll: true });
  return () => {
    for (const element of stilled) element.inert = false;
    document.documentElement.style.overflow = overflow;
    if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
  };
}
