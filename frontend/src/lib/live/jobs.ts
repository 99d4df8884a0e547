import type { Job, JobOutput } from '../api/types';

/** A job is still to be done. */
export function isActive(job: Job): boolean {
  return job.status === 'queued' || job.status === 'running';
}

/**
 * What is known of the jobs after a list was fetched.
 *
 * Events overtake answers: a job that an event touched after the request began keeps what the event said, and one
 * that has ended never becomes active again. Active jobs missing from the answer have ended elsewhere and are dropped.
 */
export function mergeSnapshot(
  known: ReadonlyMap<string, Job>,
  fetched: readonly Job[],
  touchedSince: (id: string) => boolean,
): Map<string, Job> {
  const merged = new Map<string, Job>();
  for (const [id, job] of known) {
    if (!isActive(job) || touchedSince(id)) merged.set(id, job);
  }
  for (const job of fetched) {
    const before = merged.get(job.id);
    if (before && (touchedSince(job.id) || (!isActive(before) && isActive(job)))) continue;
    merged.set(job.id, job);
  }
  return merged;
}

/** Newest first. */
export function newestFirst(jobs: Iterable<Job>): Job[] {
  return [...jobs].sort((a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1));
}

/** The running job, then the waiting line in its order. */
export function waitingLine(jobs: Iterable<Job>): Job[] {
  return [...jobs]
    .filter(isActive)
    .sort(
      (a, b) =>
        Number(b.status === 'running') - Number(a.status === 'running') ||
        (a.position ?? Infinity) - (b.position ?? Infinity) ||
        a.number - b.number ||
        a.created_at - b.created_at,
    );
}

/** The files of a job that are worth showing: finished work rather than intermediate pictures, where there is any. */
export function shownOutputs(job: Job): JobOutput[] {
  const kept = job.outputs.filter((output) => output.type === 'output');
  return kept.length > 0 ? kept : job.outputs;
}

/** The text that tells one render of a workflow from another: the longest one that reads like a sentence. */
export function excerpt(job: Job): string {
  const texts = Object.values(job.values).filter((value) => typeof value === 'string' && /\S\s+\S/.test(value));
  return (texts as string[]).reduce((longest, text) => (text.length > longest.length ? text : longest), '').trim();
}
