/// <reference lib="webworker" />
import { isKeepable, wayOf } from './rules';

/** The build's version and the addresses of its files; the build puts it in. */
declare const __COZYGEN_BUILD__: { version: string; files: string[] };

const worker = globalThis as unknown as ServiceWorkerGlobalScope;
const { version, files } = __COZYGEN_BUILD__;

const BUILDS = 'cozygen-build-';
const BUILD = BUILDS + version;
const PAGE = '/cozygen/';
const THUMBS = 'cozygen-thumbs';
const MOST_THUMBS = 2_000;
/** Thumbnails that come in between two looks at how many there are. */
const LOOK_EVERY = 50;
const PAGE_MS = 4_000;

const known = new Set(files);
/** Counts how often the thumbnails were forgotten, so that none that is under way then is kept. */
let forgotten = 0;
let added = 0;

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('message', (event) => {
  const { type, script } = event.data as { type: string; script?: string };
  if (type === 'forget') event.waitUntil(forget());
  else if (type === 'take over') void worker.skipWaiting();
  else if (type === 'compare') {
    // A page of this build already runs: there is nothing to tell the user.
    if (script !== undefined && known.has(script)) void worker.skipWaiting();
    else event.source?.postMessage({ type: 'new version' });
  }
});
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const way = wayOf(request, location.origin, known);
  if (way === 'page') event.respondWith(page(request));
  else if (way === 'file') event.respondWith(file(request));
  else if (way !== 'network') event.respondWith(thumb(event, way === 'settled-thumb'));
});

async function install(): Promise<void> {
  const cache = await caches.open(BUILD);
  // Names under assets/ change with their content, so that what the browser has of them is good; the rest is asked for.
  await cache.addAll(files.map((path) => new Request(path, path.includes('/assets/') ? {} : { cache: 'no-cache' })));
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith(BUILDS) && name !== BUILD) await caches.delete(name);
  }
  await worker.clients.claim();
}

async function forget(): Promise<void> {
  forgotten += 1;
  await caches.delete(THUMBS);
}

/** The page from the network; the one that is kept where that is away, slow or broken. */
async function page(request: Request): Promise<Response> {
  const asked = fetch(request);
  const late = new Promise<null>((resolve) => setTimeout(resolve, PAGE_MS, null));
  const answer = await Promise.race([asked, late]).catch(() => null);
  if (answer && answer.status < 500) return answer;
  const kept = await caches.match(PAGE, { cacheName: BUILD, ignoreVary: true });
  return kept ?? asked;
}

async function file(request: Request): Promise<Response> {
  const kept = await caches.match(request, { cacheName: BUILD, ignoreVary: true, ignoreSearch: true });
  return kept ?? fetch(request);
}

async function thumb(event: FetchEvent, isSettled: boolean): Promise<Response> {
  const { request } = event;
  const kept = await caches.match(request, { cacheName: THUMBS, ignoreVary: true });
  if (kept && isSettled) return kept;
  const asked = fetchThumb(event);
  if (!kept) return asked;
  event.waitUntil(asked.catch(() => undefined));
  return kept;
}

async function fetchThumb(event: FetchEvent): Promise<Response> {
  const before = forgotten;
  const answer = await fetch(event.request);
  // Who is not signed in sees nothing of what was there.
  if (answer.status === 401) event.waitUntil(forget());
  else if (isKeepable(answer) && before === forgotten) event.waitUntil(keep(event.request, answer.clone(), before));
  return answer;
}

async function keep(request: Request, answer: Response, before: number): Promise<void> {
  try {
    const cache = await caches.open(THUMBS);
    await cache.put(request, answer);
    if (before !== forgotten) await caches.delete(THUMBS);
    added += 1;
    if (added % LOOK_EVERY !== 1) return;
    const all = await cache.keys();
    for (const old of all.slice(0, Math.max(0, all.length - MOST_THUMBS))) await cache.delete(old);
  } catch {
    // The disk is full, or the page is gone: it is fetched again the next time.
  }
}
