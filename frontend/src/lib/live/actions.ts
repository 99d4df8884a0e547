import { ApiError } from '../api/client';
import type { Job } from '../api/types';
import { t } from '../i18n/index.svelte';
import { studio } from './studio.svelte';
import { toasts } from '../state/toasts.svelte';
import { stage } from './stage.svelte';

/** Why something was not done, for a user. */
export const reason = (error: unknown): string =>
  error instanceof ApiError && error.offline
    ? t().render.offline
    : error instanceof Error
      ? error.message
      : String(error);

/** Cancel a job; a failure is told, except that the job had ended already. */
export async function cancelJob(job: Job): Promise<void> {
  try {
    await studio.cancel(job.id);
  } catch (error) {
    if (error instanceof ApiError && error.status === 409) void studio.refresh();
    else toasts.show('error', t().queue.cancelFailed(reason(error)));
  }
}

/** Queue a job again and watch it. */
export async function retryJob(job: Job): Promise<void> {
  try {
    await studio.retry(job.id);
    stage.follow();
  } catch (error) {
    toasts.show('error', t().queue.retryFailed(reason(error)));
  }
}
