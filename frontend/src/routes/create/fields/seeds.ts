import type { Job } from '$lib/api/types';

/** A number that renders drew, and the latest render that did. */
export interface PastSeed {
  value: string;
  job: Job;
}

const MOST = 24;

/** The numbers that the latest renders of a workflow used for a field, each once, latest first. */
export function pastSeeds(jobs: Iterable<Job>, workflow: string, key: string): PastSeed[] {
  const found = new Map<string, PastSeed>();
  for (const job of [...jobs].sort((a, b) => b.created_at - a.created_at)) {
    const value = job.values[key];
    if (job.workflow !== workflow || (typeof value !== 'number' && typeof value !== 'string')) continue;
    if (!found.has(String(value))) found.set(String(value), { value: String(value), job });
    if (found.size === MOST) break;
  }
  return [...found.values()];
}
