import type { Engine, Job, JobProgress, TagUpdate } from '../api/types';

/** What the server tells over `/cozygen/api/events`. */
export interface StudioEvents {
  hello: { engine: Engine };
  job: Job;
  progress: { job_id: string; progress: JobProgress };
  preview: { job_id: string; url: string };
  engine: Engine;
  queue: { paused: boolean };
  gallery: { subfolder: string; mtime: number };
  workflows: Record<string, never>;
  state: { key: string; version: number };
  tags: TagUpdate;
  aliases: Record<string, never>;
  reset: Record<string, never>;
}

type Handlers = { [Name in keyof StudioEvents]: (data: StudioEvents[Name]) => void };

const NAMES: readonly (keyof StudioEvents)[] = [
  'hello',
  'job',
  'progress',
  'preview',
  'engine',
  'queue',
  'gallery',
  'workflows',
  'state',
  'tags',
  'aliases',
  'reset',
];
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** How long to wait before attempt number `attempt` (0 = first), with up to a fifth of jitter. */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return delay * (1 - 0.2 * random());
}

/**
 * One connection to the server's event stream that comes back by itself, going on after the last event it saw.
 *
 * A page in the background gives its connection up when it has nothing to wait for: browsers allow few per server,
 * and a forgotten tab should not starve the one in use.
 */
export class EventConnection {
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #lastId = '';
  #stopped = true;
  #removeListeners: (() => void) | undefined;

  constructor(
    private readonly url: string,
    private readonly handlers: Handlers,
    private readonly connected: (now: boolean) => void,
    private readonly mayRest: () => boolean,
  ) {}

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    const wake = () => {
      if (document.visibilityState === 'visible' && this.#source === null) this.retryNow();
      else if (document.visibilityState === 'hidden' && this.mayRest()) this.#close();
    };
    const online = () => this.retryNow();
    document.addEventListener('visibilitychange', wake);
    window.addEventListener('online', online);
    this.#removeListeners = () => {
      document.removeEventListener('visibilitychange', wake);
      window.removeEventListener('online', online);
    };
    this.#open();
  }

  stop(): void {
    this.#stopped = true;
    this.#removeListeners?.();
    this.#close();
  }

  /** Give up the connection, if any, and make a new one without waiting. */
  retryNow(): void {
    this.#attempt = 0;
    this.#close();
    this.#open();
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #open(): void {
    if (this.#stopped) return;
    const address = this.#lastId ? `${this.url}?last_id=${encodeURIComponent(this.#lastId)}` : this.url;
    const source = new EventSource(address);
    this.#source = source;
    source.onopen = () => {
      this.#attempt = 0;
      this.connected(true);
    };
    source.onerror = () => {
      // The browser would retry a lost connection but not a refused one; doing both ourselves keeps one rhythm.
      this.#close();
      this.connected(false);
      this.#timer = setTimeout(() => this.#open(), retryDelay(this.#attempt++));
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event: MessageEvent<string>) => {
        if (event.lastEventId) this.#lastId = event.lastEventId;
        (this.handlers[name] as (data: unknown) => void)(JSON.parse(event.data));
      });
    }
  }
}
