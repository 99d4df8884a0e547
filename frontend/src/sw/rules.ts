/** What the service worker does with a request. */
export type Way =
  /** the network alone, as if there were no worker */
  | 'network'
  /** the page of the app: the network, and what is kept where that does not answer */
  | 'page'
  /** a file of this build: what is kept, else the network */
  | 'file'
  /** a small picture that never changes under its address: what is kept, else the network, which is kept */
  | 'settled-thumb'
  /** a small picture that may change: what is kept, and the network for the next time */
  | 'thumb';

interface Asked {
  method: string;
  mode: string;
  url: string;
}

const BASE = '/cozygen/';
/** Addresses below the base that the server answers itself. */
const SERVER = /^(?:api|workflows|input|upload_image|get_choices|thumb|hello)(?:\/|$)/;

/** What to do with a request, where `files` are the addresses of this build. */
export function wayOf({ method, mode, url }: Asked, origin: string, files: ReadonlySet<string>): Way {
  const { origin: from, pathname, searchParams } = new URL(url);
  if (method !== 'GET' || from !== origin || !pathname.startsWith(BASE)) return 'network';
  const path = pathname.slice(BASE.length);
  if (mode === 'navigate') return SERVER.test(path) || /\.\w+$/.test(path.split('/', 1)[0] ?? '') ? 'network' : 'page';
  if (path === 'thumb') return searchParams.has('v') ? 'settled-thumb' : 'thumb';
  return files.has(pathname) ? 'file' : 'network';
}

/** Whether an answer is one to keep: whole, ours, and not one that says it will be another soon. */
export function isKeepable(answer: Response): boolean {
  const caching = answer.headers.get('Cache-Control') ?? '';
  return answer.status === 200 && answer.type === 'basic' && !/no-cache|no-store/.test(caching);
}
