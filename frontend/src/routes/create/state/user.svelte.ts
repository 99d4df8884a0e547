import { ApiError, get, put } from '$lib/api/client';
import { studio } from '$lib/live/studio.svelte';
import { session } from '$lib/state/session.svelte';
import { readText, writeText } from '$lib/state/local';
import { Synced, type Kind, type Transport } from './synced';

const OWNER = 'owner';

const transport: Transport = {
  async get(key) {
    try {
      return await get('/cozygen/api/state/{key}', { path: { key } });
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  },
  put: (key, value, ifVersion, keepalive) =>
    put('/cozygen/api/state/{key}', { path: { key }, body: { value, if_version: ifVersion }, keepalive }),
};

/** What is remembered for the signed-in user, the same on every device. */
class UserValues {
  /** Whose values these are is known; until then nothing is shown, lest it be somebody else's. */
  ready = $state(false);
  #user = readText(OWNER) ?? '';
  #known = new Map<string, { synced: Synced<never>; kept: string }>();
  #uses = 0;
  #stop: (() => void) | undefined;

  /** Follow the server while a page needs the values; returns how to stop. */
  start(): () => void {
    if (this.#uses++ === 0) this.#stop = this.#follow();
    return () => {
      if (--this.#uses === 0) this.#stop?.();
    };
  }

  /** A value under a key of the server; the same object for the same key. Asks the server what it has. */
  open<T>(key: string, kind: Kind<T>, changed: (value: T, other: T | null) => void, first?: T): Synced<T> {
    const known = this.#known.get(key);
    if (known) return known.synced as unknown as Synced<T>;
    const kept = `state.${this.#user}.${key}`;
    const synced = new Synced(key, kept, kind, transport, changed, first);
    this.#known.set(key, { synced: synced as unknown as Synced<never>, kept });
    return synced;
  }

  /** Forget that a value is open, and what this browser has of it. */
  forget(key: string): void {
    const known = this.#known.get(key);
    if (!known) return;
    this.#known.delete(key);
    writeText(known.kept, null);
  }

  #follow(): () => void {
    void this.#identify();
    const again = () => this.#each((synced) => void synced.again());
    const pull = () => this.#each((synced) => void synced.pull());
    const flush = () => this.#each((synced) => synced.flush());
    const hidden = () => {
      if (document.visibilityState === 'hidden') flush();
    };
    const stops = [
      studio.onState((key, version) => this.#known.get(key)?.synced.told(version)),
      session.onSignedIn(() => void this.#identify().then(again)),
      // Whatever was changed elsewhere while there was no connection was not told.
      $effect.root(() => {
        let before: boolean | null = null;
        $effect(() => {
          const now = studio.connected;
          if (now && before === false) pull();
          before = now;
        });
      }),
    ];
    window.addEventListener('online', again);
    window.addEventListener('pagehide', flush);
    document.addEventListener('visibilitychange', hidden);
    return () => {
      flush();
      stops.forEach((stop) => stop());
      window.removeEventListener('online', again);
      window.removeEventListener('pagehide', flush);
      document.removeEventListener('visibilitychange', hidden);
    };
  }

  async #identify(): Promise<void> {
    try {
      const { user } = await get('/cozygen/api/auth_status');
      const found = user ?? '';
      if (found !== this.#user) {
        writeText(OWNER, found || null);
        // Somebody else signed in: everything on the page is the former user's.
        if (this.#known.size > 0) location.reload();
        this.#user = found;
      }
    } catch (error) {
      // Who is not signed in will be asked, and then there is an answer. Without one it is who it was.
      if (error instanceof ApiError && error.status === 401) return;
    }
    this.ready = true;
  }

  #each(run: (synced: Synced<never>) => void): void {
    for (const { synced } of this.#known.values()) run(synced);
  }
}

export const userValues = new UserValues();
