/** What the keys of the whole studio do: a page to go to, or a panel to open over the page. */
export type Action = { page: string } | { panel: 'palette' | 'shortcuts' };

interface Shortcut {
  /** The keys as `KeyboardEvent.key` names them, one after the other; `Mod` is Ctrl, or Command on a Mac. */
  keys: readonly string[];
  action: Action;
}

const LEADER = 'g';
const AFTER_LEADER_MS = 1_500;

/** Every shortcut that works on all pages. Pages have theirs to themselves. */
export const GLOBAL_SHORTCUTS: readonly Shortcut[] = [
  { keys: ['Mod', 'k'], action: { panel: 'palette' } },
  { keys: ['?'], action: { panel: 'shortcuts' } },
  { keys: [LEADER, 's'], action: { page: 'studio' } },
  { keys: [LEADER, 'c'], action: { page: 'create' } },
  { keys: [LEADER, 'g'], action: { page: 'gallery' } },
  { keys: [LEADER, 'q'], action: { page: 'queue' } },
  { keys: [LEADER, 'l'], action: { page: 'library' } },
];

const TYPED = 'input:not([type=checkbox], [type=radio], [type=range], [type=button]), textarea, select';
const MODAL = 'dialog[open], [role=dialog][aria-modal=true]';

export const onMac = (): boolean => /Mac|iPhone|iPad/.test(navigator.userAgent);

/** The keys of a shortcut that goes to a page; none for a page that has none. */
export function keysOfPage(page: string): readonly string[] {
  return GLOBAL_SHORTCUTS.find(({ action }) => 'page' in action && action.page === page)?.keys ?? [];
}

type Press = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey' | 'repeat' | 'target'>;

/**
 * Understands key presses. Single keys do nothing where text is typed or a dialog is open. Ctrl+K types nothing and so
 * works in a field too, but for a Mac's own Ctrl+K there; a dialog keeps it from the page all the same.
 */
export class Shortcuts {
  #led = -Infinity;

  constructor(
    private readonly mac: boolean,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** What a press asks for; null when nothing. */
  read(press: Press, root: ParentNode = document): Action | null {
    const led = this.now() - this.#led < AFTER_LEADER_MS;
    this.#led = -Infinity;
    if (press.altKey || press.repeat) return null;
    const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
    if (press.ctrlKey || press.metaKey) {
      const mod = this.mac ? press.metaKey && !press.ctrlKey : press.ctrlKey && !press.metaKey;
      return mod && !press.shiftKey && !root.querySelector('dialog[open]') ? found('Mod', key) : null;
    }
    if (isTyping(press.target) || root.querySelector(MODAL)) return null;
    if (led && !press.shiftKey) return found(LEADER, key);
    if (key === LEADER && !press.shiftKey) this.#led = this.now();
    return found(key);
  }
}

function found(...keys: string[]): Action | null {
  const shortcut = GLOBAL_SHORTCUTS.find(
    (known) => known.keys.length === keys.length && known.keys.every((key, place) => key === keys[place]),
  );
  return shortcut?.action ?? null;
}

/** Whether keys are text for whatever has the focus. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  return target.closest(TYPED) !== null || target.closest('[contenteditable]:not([contenteditable=false])') !== null;
}
