const BASE = '/cozygen';

/** What a page is asked for: parameters by name; those that are undefined or empty are left out of the address. */
export type Query = Readonly<Record<string, string | undefined>>;

/**
 * A place in the app: the segments after the base, decoded, the query's parameters, and the panel that is open over it
 * (the fragment).
 */
export interface Place {
  segments: readonly string[];
  query: Query;
  panel: string;
}

/** Read a place from an address. */
export function parsePlace(pathname: string, hash: string, search = ''): Place {
  const path = pathname.startsWith(`${BASE}/`) ? pathname.slice(BASE.length + 1) : '';
  return {
    segments: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(search)),
    panel: decode(hash.replace(/^#/, '')),
  };
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

/** The address of a page with what it is asked for. */
export function placeAddress(segments: readonly string[], query: Query = {}): string {
  const entries = Object.entries(query).filter((entry): entry is [string, string] => !!entry[1]);
  const search = new URLSearchParams(entries).toString();
  return search ? `${pageAddress(...segments)}?${search}` : pageAddress(...segments);
}

class Router {
  place = $state.raw<Place>({ segments: [], query: {}, panel: '' });

  start(): void {
    const read = () => (this.place = parsePlace(location.pathname, location.hash, location.search));
    window.addEventListener('popstate', read);
    read();
  }

  /** Go to a page. An open panel gives way to it, so that Back does not open the panel again. */
  go(segments: readonly string[], query: Query = {}): void {
    this.#move(placeAddress(segments, query), this.place.panel !== '');
  }

  /** Be at a page instead of here, without a step for Back; an open panel stays open over it. */
  replace(segments: readonly string[]): void {
    const { panel } = this.place;
    this.#move(placeAddress(segments), true);
    if (panel) this.openPanel(panel);
  }

  /** Ask the page for something else in place, without a step for Back. */
  refine(query: Query): void {
    this.#move(placeAddress(this.place.segments, query), true);
  }

  #move(address: string, replace: boolean): void {
    if (replace) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    this.place = parsePlace(location.pathname, '', location.search);
  }

  /** Open a panel over the page, so that Back closes it. It takes the place of another that is open. */
  openPanel(panel: string): void {
    if (this.place.panel === panel) return;
    const address = `${location.pathname}${location.search}#${encodeURIComponent(panel)}`;
    if (this.place.panel) history.replaceState(history.state, '', address);
    else history.pushState({ panel: true }, '', address);
    this.place = { ...this.place, panel };
  }

  /** Close the open panel: a step back where opening it was a step forward. */
  closePanel(): void {
    if (!this.place.panel) return;
    if ((history.state as { panel?: boolean } | null)?.panel) {
      history.back();
    } else {
      history.replaceState(null, '', location.pathname + location.search);
    }
    this.place = { ...this.place, panel: '' };
  }
}

export const router = new Router();
