/** What Chromium fires where the studio can be installed; other browsers have it in their menus. */
interface InstallEvent extends Event {
  prompt: () => Promise<{ outcome: 'accepted' | 'dismissed' }>;
}

/** Installing the studio as an app. */
class Install {
  /** The browser can install it, and has not done so. */
  possible = $state(false);
  #event: InstallEvent | null = null;

  start(): void {
    window.addEventListener('beforeinstallprompt', (event) => {
      event.preventDefault(); // offered in the settings, and not by the browser when it likes
      this.#take(event as InstallEvent);
    });
    window.addEventListener('appinstalled', () => this.#take(null));
  }

  /** Let the browser ask. It asks once for each of its offers. */
  async ask(): Promise<void> {
    const event = this.#event;
    this.#take(null);
    await event?.prompt();
  }

  #take(event: InstallEvent | null): void {
    this.#event = event;
    this.possible = event !== null;
  }
}

export const install = new Install();
