import { get, onUnauthorized, post } from '../api/client';

/** Whether the server wants to know who is there. */
class Session {
  /** A request was refused because nobody is signed in. */
  needed = $state(false);
  #waiting = new Set<() => void>();

  start(): void {
    onUnauthorized(() => (this.needed = true));
  }

  /** Run `listener` whenever somebody has signed in; returns how to stop. */
  onSignedIn(listener: () => void): () => void {
    this.#waiting.add(listener);
    return () => this.#waiting.delete(listener);
  }

  /** Sign out of this device: what is on the page stays, and whoever comes next signs in over it. Throws `ApiError`. */
  async signOut(): Promise<void> {
    await post('/cozygen/api/logout');
    this.needed = true;
  }

  /** Nobody has touched this device for long: sign out, where there is signing in at all. */
  async leaveIdle(): Promise<void> {
    if (this.needed) return;
    try {
      const { auth_enabled } = await get('/cozygen/api/auth_status');
      if (auth_enabled) await this.signOut();
    } catch {
      // Away or signed out already; the next request says so.
    }
  }

  /** Sign in; the server keeps it in a cookie. Throws `ApiError`. */
  async signIn(username: string, password: string): Promise<void> {
    await post('/cozygen/api/login', { body: { username, password } });
    this.needed = false;
    for (const listener of this.#waiting) listener();
  }
}

export const session = new Session();
