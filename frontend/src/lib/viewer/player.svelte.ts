import { readJson, writeJson } from '$lib/state/local';

const KEY = 'viewer-player';

export const SPEEDS = [0.25, 0.5, 1, 1.5, 2] as const;

/** How films and sounds are played in this browser. Films begin muted: browsers start no other by themselves. */
class PlayerSettings {
  loop = $state(true);
  muted = $state(true);
  speed = $state(1);

  constructor() {
    const stored = readJson(KEY) as Partial<Record<'loop' | 'muted' | 'speed', unknown>> | null;
    if (typeof stored?.loop === 'boolean') this.loop = stored.loop;
    if (typeof stored?.muted === 'boolean') this.muted = stored.muted;
    if (SPEEDS.some((speed) => speed === stored?.speed)) this.speed = stored?.speed as number;
  }

  set(change: { loop?: boolean; muted?: boolean; speed?: number }): void {
    Object.assign(this, change);
    writeJson(KEY, { loop: this.loop, muted: this.muted, speed: this.speed });
  }
}

export const player = new PlayerSettings();

/** A place in a film, as `1:02.5`: tenths tell the frames of short clips apart. */
export function clock(seconds: number): string {
  const safe = Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds * 10) : 0;
  const minutes = Math.floor(safe / 600);
  return `${minutes}:${((safe % 600) / 10).toFixed(1).padStart(4, '0')}`;
}
