const BASE = '/cozygen';

/** A place in the app: the segments after the base, decoded, and the panel that is open over it (the fragment). */
export interface Place {
  segments: readonly string[];
  panel: string;
}

/** Read a place from an address. */
export function parsePlace(pathname: string, hash: string): Place {
  const path = pathname.startsWith(`${BASE}/`) ? pathname.slice(BASE.length + 1) : '';
  return { segments: path.split('/').filter(Boolean).map(decode), panel: decode(hash.replace(/^#/, '')) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a page. */
export function pageAddress(...segments: string[]): string {
  return `${BASE}/${segments.map(encodeURIComponent).join('/')}`;
}

class Router {
  place = $state.raw<Place>({ segments: [], panel: '' });

  start(): void {
    const read = () => (this.place = parsePlace(location.pathname, location.hash));
    window.addEventListener('popstate', read);
    read();
  }

  /** Go to a page. An open panel gives way to it, so that Back does not open the panel again. */
  go(segments: readonly string[]): void {
    const address = pageAddress(...segments);
    if (this.place.panel) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    this.place = { segments, panel: '' };
  }

  /** Open a panel over the page, so that Back closes it. */
  openPanel(panel: string): void {
    if (this.place.panel === panel) return;
    history.pushState({ panel: true }, '', `${location.pathname}#${encodeURIComponent(panel)}`);
    this.place = { ...this.place, panel };
  }

  /** Close the open panel: a step back where opening it was a step forward. */
  closePanel(): void {
    if (!this.place.panel) return;
    if ((history.state as { panel?: boolean } | null)?.panel) {
      history.back();
    } else {
      history.replaceState(null, '', location.pathname);
    }
    this.place = { ...this.place, panel: '' };
  }
}

export const router = new Router();
