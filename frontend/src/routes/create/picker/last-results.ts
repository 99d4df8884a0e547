import { get } from '$lib/api/client';
import { queryClient } from '$lib/api/queries';
import type { Job } from '$lib/api/types';
import { studio } from '$lib/live/studio.svelte';
import { jobPieces } from '$lib/media';
import { createQuery } from '@tanstack/svelte-query';

/** Jobs looked through for results. */
const DEPTH = 200;

/** Workflow -> a small picture of what it made last. */
export function lastThumbs(jobs: readonly Job[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const job of jobs) {
    if (job.workflow === null || found.has(job.workflow)) continue;
    const piece = jobPieces(job).find((one) => one.type === 'output' && one.kind !== 'audio');
    if (piece) found.set(job.workflow, piece.thumb);
  }
  return found;
}

const KEY = ['last-results'];

export const lastResultsQuery = (open: () => boolean) =>
  createQuery(() => ({
    queryKey: KEY,
    enabled: open(),
    queryFn: async ({ signal }) =>
      lastThumbs((await get('/cozygen/api/jobs', { query: { status: 'done', limit: DEPTH }, signal })).items),
    staleTime: 0,
  }));

/** Ask again whenever a job ends; returns how to stop. */
export function followResults(): () => void {
  return studio.onFinished(() => void queryClient.invalidateQueries({ queryKey: KEY }));
}
