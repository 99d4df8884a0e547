import { ApiError, get, post } from '$lib/api/client';
import type { Job } from '$lib/api/types';
import { t } from '$lib/i18n/index.svelte';
import { cancelJob, reason } from '$lib/live/actions';
import { studio } from '$lib/live/studio.svelte';
import type { Draft } from '$lib/state/drafts';
import { handOver } from '$lib/state/handover';
import { router } from '$lib/state/router.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import type { Place } from './order';
import { queueTexts } from './texts';

/** Move a waiting job; whether the server did. */
export async function moveJob(job: Job, place: NonNullable<Place>): Promise<boolean> {
  try {
    await post('/cozygen/api/jobs/{id}/move', { path: { id: job.id }, body: place });
    return true;
  } catch (error) {
    // It waits no more: the line shows that by itself.
    if (!(error instanceof ApiError && error.status === 409)) {
      toasts.show('error', queueTexts().moveFailed(reason(error)));
    }
    return false;
  } finally {
    await studio.refresh();
  }
}

/** Hold the waiting line, or let it go on. */
export async function setPaused(paused: boolean): Promise<void> {
  try {
    const state = await post(paused ? '/cozygen/api/queue/pause' : '/cozygen/api/queue/resume');
    studio.paused = state.paused;
  } catch (error) {
    toasts.show('error', queueTexts().pauseFailed(reason(error)));
  }
}

/** Cancel jobs, from the end, so that none of them starts while the others go. */
export async function cancelJobs(jobs: readonly Job[]): Promise<void> {
  for (const job of [...jobs].reverse()) await cancelJob(job);
  toasts.show('info', queueTexts().cancelledAll(jobs.length));
}

/** Open the form with a job's values, seeds too. */
export async function editJob(job: Job): Promise<void> {
  if (job.workflow === null) return;
  const draft: Draft = { values: {}, random: {}, bypass: {} };
  try {
    const form = await get('/cozygen/api/workflows/{name}/form', { path: { name: job.workflow } });
    for (const field of form.fields) {
      const value = job.values[field.key];
      if (value === undefined || value === null) continue;
      draft.values[field.key] = typeof value === 'boolean' ? value : String(value);
      if (field.can_randomize) draft.random[field.key] = false;
    }
    handOver(job.workflow, draft);
    router.go(['create', job.workflow], { failed: job.error?.node_id ?? undefined });
  } catch (error) {
    toasts.show('error', t().form.failed + ' ' + reason(error));
  }
}
