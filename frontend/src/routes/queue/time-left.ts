import type { Job } from '$lib/api/types';

const TOO_EARLY = 0.04;
const TOO_SHORT = 1.5;

/**
 * Seconds until a running job ends, if it goes on as fast as it went; null while that would be a guess.
 * `now` in seconds since the epoch, by the browser's clock, which may be wrong: never more than the job seems old.
 */
export function timeLeft(job: Job, now: number): number | null {
  const fraction = job.progress?.fraction ?? 0;
  if (job.status !== 'running' || job.started_at === null || fraction < TOO_EARLY || fraction >= 1) return null;
  const passed = now - job.started_at;
  if (passed < TOO_SHORT) return null;
  return (passed / fraction) * (1 - fraction);
}
