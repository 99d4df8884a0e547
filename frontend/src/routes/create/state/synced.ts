import { ApiError } from '$lib/api/client';
import { readJson, writeJson } from '$lib/state/local';

/** A value as the server has it. `updated_at` is in seconds since the epoch. */
export interface Remote {
  value: unknown;
  version: number;
  updated_at: number;
}

/** The way to the server. Both throw `ApiError`; a put over another version than the given one has status 409. */
export interface Transport {
  get(key: string): Promise<Remote | null>;
  put(key: string, value: unknown, ifVersion: number | null, keepalive: boolean): Promise<Remote>;
}

/** What two devices made of a value: what goes on, and, where one had to give way, what it would have been. */
export interface Merged<T> {
  value: T;
  other: T | null;
}

/** What a kind of value can do. */
export interface Kind<T> {
  readonly empty: T;
  /** A value from whatever was stored. */
  parse(stored: unknown): T;
  /** Two changes of the same `base`. Where they meet, the later one wins. */
  merge(base: T, mine: T, theirs: T, mineIsLater: boolean): Merged<T>;
}

interface Local<T> {
  value: T;
  base: T;
  version: number;
  updated: number;
  dirty: boolean;
  /** Milliseconds since the epoch. */
  edited: number;
}

const DEBOUNCE_MS = 700;
const MOST_ROUNDS = 6;
/** Browsers send no more than this once a page is left. */
const KEEPALIVE_BYTES = 60_000;

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/**
 * A value that is painted from this browser at once, kept here with every change, and brought to the server a moment
 * later. The server's is the truth: what another device wrote comes in, and where both changed the same, the later
 * change wins. Without a connection nothing is lost; it is brought there when there is one again.
 */
export class Synced<T> {
  #local: Local<T>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #wantsPull = true;
  #refused = false;
  /** The version that the server told of while something was under way. */
  #heard: number | null = null;
  /** This browser had the value, or the server has been asked. */
  readonly settled: Promise<void>;

  /**
   * `kept` is the name in this browser, `changed` is told what came from elsewhere, and what had to give way to it.
   * `first` is the value where this browser has none yet.
   */
  constructor(
    private readonly key: string,
    private readonly kept: string,
    private readonly kind: Kind<T>,
    private readonly transport: Transport,
    private readonly changed: (value: T, other: T | null) => void,
    first: T = kind.empty,
  ) {
    this.#local = this.#read(first);
    const asked = this.pull();
    this.settled = readJson(kept) === null ? asked : Promise.resolve();
  }

  get value(): T {
    return this.#local.value;
  }

  /** There is something that the server does not have. */
  get dirty(): boolean {
    return this.#local.dirty;
  }

  set(value: T): void {
    this.#refused = false;
    this.#write({ value, dirty: true, edited: Date.now() });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#run(), DEBOUNCE_MS);
  }

  /** Ask the server what it has, and bring it what it has not. */
  async pull(): Promise<void> {
    this.#wantsPull = true;
    await this.#run();
  }

  /** Try again what did not work. */
  async again(): Promise<void> {
    if (this.#wantsPull || (this.#local.dirty && !this.#refused)) await this.#run();
  }

  /** The server says that the value has changed. */
  told(version: number): void {
    // While something of ours is under way, its answer says whether there is news.
    if (this.#running) this.#heard = version;
    else if (version !== this.#local.version) void this.pull();
  }

  /** The page is about to be left: bring the server what it has not, now. */
  flush(): void {
    clearTimeout(this.#timer);
    const { dirty, value } = this.#local;
    if (!dirty || this.#refused) return;
    const small = JSON.stringify(value).length < KEEPALIVE_BYTES;
    if (!this.#running) void this.#run(small);
    // One of ours is on its way and will have raised the version by the time this arrives.
    else if (small) this.transport.put(this.key, value, null, true).catch(() => undefined);
  }

  async #run(keepalive = false): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    clearTimeout(this.#timer);
    try {
      for (let round = 0; round < MOST_ROUNDS && (this.#wantsPull || this.#local.dirty); round++) {
        await (this.#wantsPull && !keepalive ? this.#fetch() : this.#bring(keepalive));
        keepalive = false;
      }
      if (this.#local.dirty) this.#timer = setTimeout(() => void this.#run(), DEBOUNCE_MS);
    } catch (error) {
      // Tried again when the connection is back; what is too large for the server stays in this browser.
      this.#refused = error instanceof ApiError && (error.status === 413 || error.status === 400);
    } finally {
      this.#running = false;
      const heard = this.#heard;
      this.#heard = null;
      if (heard !== null && !this.#refused) this.told(heard);
    }
  }

  async #fetch(): Promise<void> {
    const remote = await this.transport.get(this.key);
    this.#wantsPull = false;
    this.#reconcile(remote);
  }

  async #bring(keepalive: boolean): Promise<void> {
    const sent = this.#local.value;
    try {
      const { version, updated_at } = await this.transport.put(this.key, sent, this.#local.version, keepalive);
      this.#write({ base: sent, version, updated: updated_at, dirty: this.#local.value !== sent });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
      this.#wantsPull = true;
    }
  }

  #reconcile(remote: Remote | null): void {
    const { value, base, version, updated, dirty, edited } = this.#local;
    const found = remote ?? { value: this.kind.empty, version: 0, updated_at: 0 };
    if (found.version === version && found.updated_at === updated) return;
    const theirs = this.kind.parse(found.value);
    const news = { base: theirs, version: found.version, updated: found.updated_at };
    if (!dirty || same(theirs, value)) {
      this.#write({ ...news, value: theirs, dirty: false });
      if (!same(theirs, value)) this.changed(theirs, null);
      return;
    }
    const merged = this.kind.merge(base, value, theirs, edited > found.updated_at * 1000);
    this.#write({ ...news, value: merged.value, dirty: !same(merged.value, theirs) });
    // Who began before the server was first asked changed nothing of what is there: they could not know it.
    const other = version === 0 && edited > found.updated_at * 1000 ? null : merged.other;
    if (!same(merged.value, value) || other !== null) this.changed(merged.value, other);
  }

  #read(first: T): Local<T> {
    const stored = (readJson(this.kept) ?? {}) as Partial<Record<keyof Local<T>, unknown>>;
    const known = 'value' in stored;
    const number = (value: unknown) => (typeof value === 'number' ? value : 0);
    return {
      value: known ? this.kind.parse(stored.value) : first,
      base: this.kind.parse(stored.base),
      version: number(stored.version),
      updated: number(stored.updated),
      dirty: known ? stored.dirty === true : !same(first, this.kind.empty),
      edited: number(stored.edited),
    };
  }

  #write(change: Partial<Local<T>>): void {
    this.#local = { ...this.#local, ...change };
    writeJson(this.kept, this.#local);
  }
}
