import { readText, writeText } from './local';

/** Minutes without a touch after which a device signs out; 0 is never. */
export const IDLE_MINUTES: readonly number[] = [0, 5, 15, 30, 60, 240];

const KEY = 'idle-minutes';
const SEEN_KEY = 'last-touch';
const LOOK_MS = 10_000;
const NOTE_MS = 5_000;
const SIGNS = ['pointerdown', 'keydown', 'wheel', 'touchstart'] as const;

/**
 * Signs this device out when nobody has touched the studio for a while. All tabs count as one: the last touch is kept
 * where they all see it, so that a tab in the background does not sign out the one in use.
 */
class Idle {
  minutes = $state(0);
  #noted = 0;

  /** Watch, and call `leave` when the time is over; returns how to stop. */
  start(leave: () => void, now: () => number = Date.now): () => void {
    this.#noted = 0;
    const stored = Number(readText(KEY));
    this.minutes = IDLE_MINUTES.includes(stored) ? stored : 0;
    const touched = () => {
      const time = now();
      if (time - this.#noted < NOTE_MS) return;
      this.#noted = time;
      writeText(SEEN_KEY, String(time));
    };
    const look = () => {
      const seen = Math.max(this.#noted, Number(readText(SEEN_KEY)) || 0);
      if (this.minutes === 0 || now() - seen < this.minutes * 60_000) return;
      touched();
      leave();
    };
    // A device that slept past the time is not let in by the touch that wakes it.
    if (this.minutes > 0 && readText(SEEN_KEY) !== null) look();
    touched();
    const shown = () => {
      if (document.visibilityState === 'visible') look();
    };
    for (const sign of SIGNS) window.addEventListener(sign, touched, { passive: true, capture: true });
    document.addEventListener('visibilitychange', shown);
    const timer = setInterval(look, LOOK_MS);
    return () => {
      for (const sign of SIGNS) window.removeEventListener(sign, touched, { capture: true });
      document.removeEventListener('visibilitychange', shown);
      clearInterval(timer);
    };
  }

  choose(minutes: number): void {
    this.minutes = minutes;
    writeText(KEY, minutes === 0 ? null : String(minutes));
  }
}

export const idle = new Idle();
