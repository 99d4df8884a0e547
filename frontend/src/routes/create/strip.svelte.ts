import { galleryQuery, keys, queryClient } from '$lib/api/queries';
import type { Job } from '$lib/api/types';
import { galleryPiece, jobPieces, mergePieces, type Piece } from '$lib/media';

/** How long a fresh piece may be missing from the gallery before we believe that it is gone. */
const GRACE_MS = 60_000;

/** The latest work: the gallery, and what jobs made since it was asked. Make it while a component is set up. */
export class Strip {
  readonly query = galleryQuery();
  #arrivals = $state.raw<{ piece: Piece; at: number }[]>([]);
  /** Keys of files whose picture could not be loaded: deleted meanwhile. */
  #broken = $state.raw<ReadonlySet<string>>(new Set());

  readonly pieces = $derived.by(() => {
    const listed = (this.query.data?.pages ?? [])
      .flatMap((page) => page.items)
      .map(galleryPiece)
      .filter((piece) => piece !== null);
    const keys = new Set(listed.map((piece) => piece.key));
    const asked = this.query.dataUpdatedAt;
    const fresh = this.#arrivals.filter(({ piece, at }) => keys.has(piece.key) || at + GRACE_MS > asked);
    const merged = mergePieces(
      fresh.map(({ piece }) => piece),
      listed,
    );
    return merged.filter((piece) => !this.#broken.has(piece.key));
  });

  /** Show what a job made at once, and ask the gallery again. */
  arrive(job: Job): void {
    const at = Date.now();
    const arrived = jobPieces(job).filter((piece) => piece.type === 'output');
    if (arrived.length === 0) return;
    const keys = new Set(arrived.map((piece) => piece.key));
    this.#broken = new Set([...this.#broken].filter((key) => !keys.has(key)));
    this.#arrivals = [...arrived.map((piece) => ({ piece, at })), ...this.#arrivals];
    this.refresh();
  }

  refresh(): void {
    void queryClient.invalidateQueries({ queryKey: keys.gallery });
  }

  drop(piece: Piece): void {
    this.#broken = new Set([...this.#broken, piece.key]);
  }
}
