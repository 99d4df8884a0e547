/** Where the page and its panes are scrolled to: the path of an element below the root -> pixels; '' is the window. */
export type Positions = Record<string, number>;

const KEY = 'cozygen.scroll';
const LONGEST_MS = 4_000;
const MOST = 50;
const SIGNS = ['wheel', 'touchstart', 'pointerdown', 'keydown'] as const;

/** The place of an element below `root`, as indexes of children; null where it is not below it. */
export function pathOf(element: Element, root: Element): string | null {
  const steps: number[] = [];
  for (let at = element; at !== root;) {
    const parent = at.parentElement;
    if (!parent) return null;
    steps.unshift([...parent.children].indexOf(at));
    at = parent;
  }
  return steps.join('.');
}

/** The element at a path; null where there is none now. */
export function elementAt(path: string, root: Element): Element | null {
  let at: Element | undefined = root;
  for (const step of path.split('.')) at = at?.children[Number(step)];
  return at ?? null;
}

/** Remembers how far each address was scrolled, over reloads too, and scrolls there when one comes back. */
export class ScrollMemory {
  #known = new Map<string, Positions>();
  #address = '';
  #stop: () => void = () => undefined;

  constructor(private readonly root: () => Element | null) {}

  /** Watch; returns how to stop. */
  start(address: string): () => void {
    const before = history.scrollRestoration;
    history.scrollRestoration = 'manual'; // the browser tries before there is anything to scroll
    this.#address = address;
    this.#read();
    this.restore(address);
    const scrolled = (event: Event) => this.#note(event.target);
    const hidden = () => this.#write();
    document.addEventListener('scroll', scrolled, { capture: true, passive: true });
    window.addEventListener('pagehide', hidden);
    return () => {
      this.#stop();
      history.scrollRestoration = before;
      document.removeEventListener('scroll', scrolled, { capture: true });
      window.removeEventListener('pagehide', hidden);
    };
  }

  /** What is scrolled from now on belongs to this address. */
  be(address: string): void {
    this.#stop();
    this.#address = address;
  }

  /** Scroll where the address was left, as soon as there is enough on the page, unless the user moves first. */
  restore(address: string): void {
    const wanted = new Map(Object.entries(this.#known.get(address) ?? {}));
    if (wanted.size === 0) return;
    const end = performance.now() + LONGEST_MS;
    let frame = 0;
    this.#stop = () => {
      cancelAnimationFrame(frame);
      for (const sign of SIGNS) window.removeEventListener(sign, this.#stop);
      this.#stop = () => undefined;
    };
    for (const sign of SIGNS) window.addEventListener(sign, this.#stop, { passive: true });
    const look = () => {
      for (const [path, top] of wanted) if (this.#scroll(path, top)) wanted.delete(path);
      if (wanted.size === 0 || performance.now() > end) this.#stop();
      else frame = requestAnimationFrame(look);
    };
    frame = requestAnimationFrame(look);
  }

  #scroll(path: string, top: number): boolean {
    const root = this.root();
    const element = path === '' ? document.documentElement : root && elementAt(path, root);
    if (!element || element.scrollHeight - element.clientHeight < top - 1) return false;
    element.scrollTo({ top, behavior: 'instant' });
    return true;
  }

  #note(target: EventTarget | null): void {
    const root = this.root();
    const known = { ...this.#known.get(this.#address) };
    if (target === document) known[''] = window.scrollY;
    else {
      if (!root || !(target instanceof Element) || target.matches('textarea')) return;
      const path = pathOf(target, root);
      if (path === null) return;
      known[path] = target.scrollTop;
    }
    this.#known.delete(this.#address);
    this.#known.set(this.#address, known);
    if (this.#known.size > MOST) this.#known.delete(this.#known.keys().next().value ?? '');
  }

  #read(): void {
    try {
      const stored: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
      if (Array.isArray(stored)) this.#known = new Map(stored as [string, Positions][]);
    } catch {
      // Forbidden or not ours: nothing is remembered.
    }
  }

  #write(): void {
    try {
      sessionStorage.setItem(KEY, JSON.stringify([...this.#known]));
    } catch {
      // Full or forbidden: the page begins at its top.
    }
  }
}
