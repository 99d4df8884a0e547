import { onUnauthorized, post } from '../api/client';

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

  /** Sign in; the server keeps it in a cookie. Throws `ApiError`. */
  async signIn(username: string, password: string): Promise<void> {
    await post('/cozygen/api/login', { body: { username, password } });
    this.needed = false;
    for (const listener of this.#waiting) listener();
  }
}

export const session = new Session();
