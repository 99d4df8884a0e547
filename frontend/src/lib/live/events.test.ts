import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventConnection, retryDelay } from './events';

class FakeSource extends EventTarget {
  static made: FakeSource[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  closed = false;

  constructor(readonly url: string) {
    super();
    FakeSource.made.push(this);
  }

  close(): void {
    this.closed = true;
  }

  say(name: string, data: unknown, lastEventId = ''): void {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data), lastEventId }));
  }
}

const latest = () => FakeSource.made.at(-1) as FakeSource;
const handlers = {
  hello: vi.fn(),
  job: vi.fn(),
  progress: vi.fn(),
  preview: vi.fn(),
  engine: vi.fn(),
  queue: vi.fn(),
  gallery: vi.fn(),
  workflows: vi.fn(),
  state: vi.fn(),
  tags: vi.fn(),
  aliases: vi.fn(),
  reset: vi.fn(),
};
const connected = vi.fn();
let connection: EventConnection;
let mayRest = true;

function visibility(state: DocumentVisibilityState): void {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(state);
  document.dispatchEvent(new Event('visibilitychange'));
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', FakeSource);
  FakeSource.made = [];
  mayRest = true;
  connection = new EventConnection('/events', handlers, connected, () => mayRest);
  connection.start();
});

afterEach(() => {
  connection.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.clearAllMocks();
});

describe('EventConnection', () => {
  it('passes events on', () => {
    latest().onopen?.();
    latest().say('engine', { ok: true });
    expect(connected).toHaveBeenLastCalledWith(true);
    expect(handlers.engine).toHaveBeenCalledWith({ ok: true });
  });

  it('comes back after a loss and goes on behind the last event', () => {
    latest().say('job', { id: 'a' }, 'boot-7');
    latest().onerror?.();
    expect(connected).toHaveBeenLastCalledWith(false);
    expect(FakeSource.made[0]?.closed).toBe(true);
    vi.advanceTimersByTime(500);
    expect(latest().url).toBe('/events?last_id=boot-7');
  });

  it('waits longer each time, until it is online again', () => {
    latest().onerror?.();
    vi.advanceTimersByTime(500);
    latest().onerror?.();
    vi.advanceTimersByTime(500);
    expect(FakeSource.made).toHaveLength(2);
    window.dispatchEvent(new Event('online'));
    expect(FakeSource.made).toHaveLength(3);
  });

  it('rests in the background when nothing is under way, and returns with the page', () => {
    visibility('hidden');
    expect(latest().closed).toBe(true);
    visibility('visible');
    expect(FakeSource.made).toHaveLength(2);
  });

  it('stays in the background while a render is under way', () => {
    mayRest = false;
    visibility('hidden');
    expect(latest().closed).toBe(false);
  });

  it('is quiet once stopped', () => {
    latest().onerror?.();
    connection.stop();
    vi.advanceTimersByTime(60_000);
    expect(FakeSource.made).toHaveLength(1);
  });
});

describe('retryDelay', () => {
  it('doubles up to ten seconds, with jitter', () => {
    expect(retryDelay(0, () => 0)).toBe(500);
    expect(retryDelay(2, () => 0)).toBe(2000);
    expect(retryDelay(50, () => 0)).toBe(10_000);
    expect(retryDelay(0, () => 1)).toBe(400);
  });
});
