import type { Job } from '../api/types';
import { studio } from './studio.svelte';
import { jobPieces, type Piece } from '../media';

/** What the stage shows: a job in whatever state, or one finished piece. */
export type Shown = { job: Job } | { piece: Piece };

/** Decides what is on the stage: what the user picked, else what runs, else what ended last. */
class Stage {
  #picked = $state.raw<{ job: string } | { piece: Piece } | null>(null);
  /** The preview picture that is on the stage, as an address within this page. */
  preview = $state<string | null>(null);
  /** The job that ended last while this page was open. */
  #ended = $state<string | null>(null);

  readonly following = $derived(this.#picked === null);
  readonly shown = $derived.by((): Shown | null => {
    const picked = this.#picked;
    if (picked && 'piece' in picked) return picked;
    if (picked) {
      const job = studio.jobs.get(picked.job);
      if (job) return { job };
    }
    if (studio.running) return { job: studio.running };
    const next = studio.active[0];
    if (next) return { job: next };
    const ended = this.#ended === null ? undefined : studio.jobs.get(this.#ended);
    if (ended) return { job: ended };
    const latest = studio.ended.find((job) => job.status === 'done' && jobPieces(job).length > 0);
    return latest ? { job: latest } : null;
  });

  pickJob(id: string): void {
    this.#picked = { job: id };
  }

  pickPiece(piece: Piece): void {
    this.#picked = { piece };
  }

  /** Show again whatever is going on. */
  follow(): void {
    this.#picked = null;
  }

  noteEnded(job: Job): void {
    this.#ended = job.id;
  }
}

export const stage = new Stage();
