import { ApiError, get } from '$lib/api/client';
import type { Job } from '$lib/api/types';
import { isActive } from '$lib/live/jobs';
import { studio } from '$lib/live/studio.svelte';
import { t } from '$lib/i18n/index.svelte';
import { toasts } from '$lib/state/toasts.svelte';
import { untrack } from 'svelte';
import { wouldChange } from './endless';
import { words } from './endless-texts';
import type { FormState } from './form-state.svelte';
import { looping } from './looping.svelte';

/** Why an endless render came to its end. */
type Ending =
  | { why: 'asked' | 'still' | 'cancelled'; made: number }
  | { why: 'failed'; made: number; job: Job }
  | { why: 'refused'; made: number; error: ApiError };

interface Loop {
  form: FormState;
  /** Those of its jobs that are not over. */
  open: Set<string>;
  made: number;
  latest: string;
  filling: boolean;
  ended: (ending: Ending) => void;
}

/** How many renders of a workflow run or wait: one to look at, one behind it. */
const AHEAD = 2;
const RETRY_MS = 5_000;

/** Renders workflows again and again, each for itself, while the app is open. */
class Endless {
  #loops = new Map<string, Loop>();
  #aliases: Record<string, string> | null = null;
  #listening = false;

  /** Begin with a form; `ended` is told why it came to an end. */
  start(form: FormState, ended: (ending: Ending) => void): void {
    const workflow = form.form.workflow;
    if (this.#loops.has(workflow)) return;
    this.#listen();
    this.#aliases = null;
    this.#loops.set(workflow, { form, open: new Set(), made: 0, latest: '', filling: false, ended });
    looping.set(workflow, 0);
    void this.#fill(workflow);
  }

  /** Queue no more; what is queued is still rendered. */
  stop(workflow: string): void {
    this.#end(workflow, (made) => ({ why: 'asked', made }));
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    studio.onFinished((job) => this.#finished(job));
    // Jobs that ended while there was no connection may have been dropped without a word.
    $effect.root(() => {
      $effect(() => {
        void studio.active;
        untrack(() => this.#loops.forEach((loop, workflow) => this.#forget(loop, workflow)));
      });
    });
  }

  #forget(loop: Loop, workflow: string): void {
    const gone = [...loop.open].filter((id) => !studio.jobs.has(id));
    gone.forEach((id) => loop.open.delete(id));
    if (gone.length > 0) void this.#fill(workflow);
  }

  #finished(job: Job): void {
    for (const [workflow, loop] of this.#loops) {
      if (!loop.open.delete(job.id)) continue;
      if (job.status === 'failed') this.#end(workflow, (made) => ({ why: 'failed', made, job }));
      else if (job.status === 'cancelled') this.#end(workflow, (made) => ({ why: 'cancelled', made }));
      else {
        loop.made += 1;
        looping.set(workflow, loop.made);
        void this.#fill(workflow);
      }
    }
  }

  async #fill(workflow: string): Promise<void> {
    const loop = this.#loops.get(workflow);
    if (!loop || loop.filling) return;
    loop.filling = true;
    try {
      while (this.#loops.get(workflow) === loop && loop.open.size < AHEAD) {
        const request = loop.form.request(1);
        const asked = JSON.stringify(request);
        if (!wouldChange(request, loop.form.form.fields, await this.#knownAliases())) {
          // Nothing random: a change by hand is worth one render, and then there is nothing to do.
          if (loop.latest === '' || asked === loop.latest) {
            this.#end(workflow, (made) => ({ why: 'still', made }));
            return;
          }
        }
        loop.latest = asked;
        const jobs = await studio.render(request);
        for (const job of jobs) this.#follow(loop, job);
        const last = jobs.at(-1);
        if (last) loop.form.noteDrawn(last);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // A connection comes back; a refusal stays one.
      if (error.offline || error.status >= 500) setTimeout(() => void this.#fill(workflow), RETRY_MS);
      else this.#end(workflow, (made) => ({ why: 'refused', made, error }));
    } finally {
      loop.filling = false;
    }
  }

  /** A quick job may have ended before its answer was read. */
  #follow(loop: Loop, job: Job): void {
    loop.open.add(job.id);
    const known = studio.jobs.get(job.id);
    if (known && !isActive(known)) this.#finished(known);
  }

  #end(workflow: string, ending: (made: number) => Ending): void {
    const loop = this.#loops.get(workflow);
    if (!loop) return;
    this.#loops.delete(workflow);
    looping.delete(workflow);
    loop.ended(ending(loop.made));
  }

  async #knownAliases(): Promise<Record<string, string>> {
    if (this.#aliases === null) {
      const stored: { items?: unknown } = await get('/cozygen/api/aliases');
      const items = (stored.items ?? stored) as Record<string, unknown>;
      this.#aliases = Object.fromEntries(
        Object.entries(items).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      );
    }
    return this.#aliases;
  }
}

const endless = new Endless();

/** Queue no more for a workflow. */
export function stopEndless(workflow: string): void {
  endless.stop(workflow);
}

/** What the page does when an endless row ends. */
export interface Page {
  /** Show a job. */
  show(id: string): void;
  /** Say at the fields what the server refused. */
  refused(form: FormState, error: ApiError): void;
}

/** Render a form without end, and say why it ended. */
export function startEndless(form: FormState, page: Page): void {
  endless.start(form, (ending) => tell(form, ending, page));
}

function tell(form: FormState, ending: Ending, page: Page): void {
  const text = words();
  switch (ending.why) {
    case 'asked':
      toasts.show('info', text.stopped(ending.made));
      break;
    case 'cancelled':
      toasts.show('info', text.cancelled);
      break;
    case 'failed': {
      const { job } = ending;
      toasts.show('error', text.failed(job.title), { label: t().toasts.show, run: () => page.show(job.id) });
      break;
    }
    case 'refused':
      page.refused(form, ending.error);
      toasts.show('error', text.refused(ending.error.message));
      break;
    case 'still':
      tellStill(form, page);
  }
}

function tellStill(form: FormState, page: Page): void {
  const seed = form.form.fields.find((field) => field.can_randomize);
  if (!seed) {
    toasts.show('info', words().still);
    return;
  }
  const run = () => {
    form.setRandom(seed, true);
    startEndless(form, page);
  };
  toasts.show('info', words().stillWith(seed.label), { label: words().makeRandom, run });
}
