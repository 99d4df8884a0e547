import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { idle } from './idle.svelte';

const MINUTE = 60_000;

describe('idle', () => {
  const leave = vi.fn();
  let stop: () => void = () => undefined;

  beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000_000 });
    localStorage.clear();
    leave.mockClear();
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  it('never leaves unless somebody wants it', () => {
    stop = idle.start(leave);
    vi.advanceTimersByTime(600 * MINUTE);
    expect(leave).not.toHaveBeenCalled();
  });

  it('leaves after the time, once, and not while the studio is touched', () => {
    stop = idle.start(leave);
    idle.choose(5);
    vi.advanceTimersByTime(4 * MINUTE);
    window.dispatchEvent(new Event('pointerdown'));
    vi.advanceTimersByTime(4 * MINUTE);
    expect(leave).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2 * MINUTE);
    expect(leave).toHaveBeenCalledTimes(1);
  });

  it('knows of touches in another tab', () => {
    stop = idle.start(leave);
    idle.choose(5);
    vi.advanceTimersByTime(4 * MINUTE);
    localStorage.setItem('cozygen.last-touch', String(Date.now()));
    vi.advanceTimersByTime(4 * MINUTE);
    expect(leave).not.toHaveBeenCalled();
  });

  it('leaves at once when the device slept past the time', () => {
    localStorage.setItem('cozygen.idle-minutes', '5');
    localStorage.setItem('cozygen.last-touch', String(Date.now() - 6 * MINUTE));
    stop = idle.start(leave);
    expect(leave).toHaveBeenCalledTimes(1);
  });

  it('forgets a choice that there is not', () => {
    localStorage.setItem('cozygen.idle-minutes', '7');
    stop = idle.start(leave);
    expect(idle.minutes).toBe(0);
  });
});
