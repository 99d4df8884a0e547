import { studio } from '../live/studio.svelte';
import { session } from '../state/session.svelte';
import { toasts } from '../state/toasts.svelte';
import { shellTexts } from './texts';

const SCRIPT = '/cozygen/sw.js';
/** The worker's cache of small pictures, as in sw/worker.ts. */
const THUMBS = 'cozygen-thumbs';
const LOOK_MS = 60 * 60_000;

/** Browsers have it at secure addresses only: https, or this very computer. */
const workers = (): ServiceWorkerContainer | undefined =>
  (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;

/** Keep the app on this device, so that it opens without a connection, and tell when there is a newer one. */
export function startWorker(): void {
  $effect.root(() => {
    $effect(() => {
      if (session.needed) void forgetPictures();
    });
  });
  // Where it is refused, as in private windows, all works without it.
  const begin = () => void register().catch(() => undefined);
  // The page itself comes first on a slow line.
  if (document.readyState === 'complete') begin();
  else window.addEventListener('load', begin, { once: true });
}

/** Nobody is signed in: what the last one saw must not be seen again. */
async function forgetPictures(): Promise<void> {
  workers()?.controller?.postMessage({ type: 'forget' });
  if ('caches' in window) await caches.delete(THUMBS).catch(() => false);
}

async function register(): Promise<void> {
  const found = workers();
  const registration = await found?.register(SCRIPT, { updateViaCache: 'none' });
  if (!found || !registration) return;

  let reloading = false;
  const reload = () => {
    reloading = true;
    if (registration.waiting) registration.waiting.postMessage({ type: 'take over' });
    else location.reload();
  };
  const offer = () => toasts.show('info', shellTexts().newVersion, { label: shellTexts().reload, run: reload });

  found.addEventListener('message', (event: MessageEvent<{ type?: string }>) => {
    if (event.data.type === 'new version') offer();
  });
  found.addEventListener('controllerchange', () => {
    if (reloading) location.reload();
  });
  const ask = () => registration.waiting?.postMessage({ type: 'compare', script: ownScript() });
  ask();
  registration.addEventListener('updatefound', () => {
    const fresh = registration.installing;
    fresh?.addEventListener('statechange', () => {
      if (fresh.state === 'installed' && found.controller) ask();
    });
  });

  const look = () => void registration.update().catch(() => undefined); // away; the next look will tell
  setInterval(look, LOOK_MS);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') look();
  });
  // A server that was away may have come back as a newer one.
  let before = studio.connected;
  $effect.root(() => {
    $effect(() => {
      if (studio.connected && before === false) look();
      before = studio.connected;
    });
  });
}

/** The path of the script that runs this page. */
function ownScript(): string | undefined {
  const script = document.querySelector<HTMLScriptElement>('script[type=module][src]');
  return script ? new URL(script.src).pathname : undefined;
}
