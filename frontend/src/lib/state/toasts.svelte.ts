export interface Toast {
  id: number;
  kind: 'info' | 'success' | 'error';
  text: string;
  action?: { label: string; run: () => void };
}

const SHORT_MS = 5_000;
const LONG_MS = 12_000;
const MOST = 4;

class Toasts {
  items = $state.raw<Toast[]>([]);
  #next = 1;

  /** Show a message for a while, longer where there is something to do about it; the id to dismiss it with. */
  show(kind: Toast['kind'], text: string, action?: Toast['action']): number {
    const toast: Toast = { id: this.#next++, kind, text, ...(action ? { action } : {}) };
    const others = this.items.filter((item) => item.text !== text);
    this.items = [...others, toast].slice(-MOST);
    setTimeout(() => this.dismiss(toast.id), action || kind === 'error' ? LONG_MS : SHORT_MS);
    return toast.id;
  }

  dismiss(id: number): void {
    this.items = this.items.filter((item) => item.id !== id);
  }
}

export const toasts = new Toasts();
