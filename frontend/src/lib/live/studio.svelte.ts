import { SvelteMap } from 'svelte/reactivity';
import { get, post } from '../api/client';
import type { Engine, Job, JobRequest, TagUpdate } from '../api/types';
import { EventConnection } from './events';
import { isActive, mergeSnapshot, newestFirst, waitingLine } from './jobs';

const RECENT = 50;
const ACTIVE_PAGE = 200;
const ACTIVE_PAGES = 5;

type Finished = (job: Job) => void;
type TagsUpdated = (update: TagUpdate) => void;
type StateChanged = (key: string, version: number) => void;

/** The live picture of the server: its jobs, its engine, and whether it is there at all. */
export class Studio {
  readonly jobs = new SvelteMap<string, Job>();
  engine = $state.raw<Engine | null>(null);
  /** null until the first attempt has ended one way or the other. */
  connected = $state<boolean | null>(null);
  loaded = $state(false);
  /** Counts the changes of the output folder, whoever made them. */
  galleryChanges = $state(0);
  /** Counts the changes of the workflows, whoever made them. */
  workflowChanges = $state(0);
  /** Counts the changes of the aliases, whoever made them. */
  aliasChanges = $state(0);
  /** What waits is held back. */
  paused = $state(false);
  failure = $state.raw<unknown>(null);

  readonly active = $derived(waitingLine(this.jobs.values()));
  readonly ended = $derived(newestFirst(this.jobs.values()).filter((job) => !isActive(job)));
  readonly running = $derived(this.active.find((job) => job.status === 'running') ?? null);

  #touched = new Map<string, number>();
  #clock = 0;
  #refreshes = 0;
  #listeners = new Set<Finished>();
  #stateListeners = new Set<StateChanged>();
  #tagListeners = new Set<TagsUpdated>();
  #connection = new EventConnection(
    '/cozygen/api/events',
    {
      hello: ({ engine }) => {
        this.engine = engine;
        void this.refresh();
      },
      reset: () => void this.refresh(),
      engine: (engine) => (this.engine = engine),
      queue: ({ paused }) => (this.paused = paused),
      gallery: () => (this.galleryChanges += 1),
      workflows: () => (this.workflowChanges += 1),
      aliases: () => (this.aliasChanges += 1),
      state: ({ key, version }) => this.#stateListeners.forEach((listener) => listener(key, version)),
      tags: (update) => this.#tagListeners.forEach((listener) => listener(update)),
      job: (job) => this.#take(job),
      progress: ({ job_id, progress }) => this.#update(job_id, { status: 'running', position: null, progress }),
      preview: ({ job_id, url }) => this.#update(job_id, { preview: url }),
    },
    (now) => {
      this.connected = now;
      // The stream cannot say why it was refused; another request can, so that the user is asked to sign in.
      if (!now) void this.refresh();
    },
    () => this.active.length === 0,
  );

  start(): () => void {
    this.#connection.start();
    return () => this.#connection.stop();
  }

  /** Connect anew, now. */
  reconnect(): void {
    this.#connection.retryNow();
  }

  /** Call `listener` with every job that ends from now on; returns how to stop. */
  onFinished(listener: Finished): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Call `listener` whenever a value of the user's state changes, here or elsewhere; returns how to stop. */
  onState(listener: StateChanged): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** Call `listener` with every step of an update of the tag list; returns how to stop. */
  onTags(listener: TagsUpdated): () => void {
    this.#tagListeners.add(listener);
    return () => this.#tagListeners.delete(listener);
  }

  /** Fetch what is active and what ended lately. */
  async refresh(): Promise<void> {
    const mine = ++this.#refreshes;
    const began = this.#clock;
    try {
      const [active, recent, queue] = await Promise.all([
        fetchActive(),
        get('/cozygen/api/jobs', { query: { limit: RECENT } }),
        get('/cozygen/api/queue'),
      ]);
      if (mine !== this.#refreshes) return;
      const touchedSince = (id: string) => (this.#touched.get(id) ?? 0) > began;
      const merged = mergeSnapshot(this.jobs, [...recent.items, ...active], touchedSince);
      const over = [...merged.values()].filter((job) => {
        const before = this.jobs.get(job.id);
        return before && isActive(before) && !isActive(job);
      });
      for (const id of [...this.jobs.keys()]) if (!merged.has(id)) this.jobs.delete(id);
      for (const [id, job] of merged) this.jobs.set(id, job);
      this.paused = queue.paused;
      this.loaded = true;
      this.failure = null;
      over.forEach((job) => this.#tell(job));
    } catch (error) {
      if (mine === this.#refreshes) this.failure = error;
    }
  }

  /** Queue a render. Throws `ApiError`. */
  async render(request: JobRequest): Promise<Job[]> {
    const { jobs } = await post('/cozygen/api/jobs', { body: request });
    jobs.forEach((job) => this.#takeAnswer(job));
    return jobs;
  }

  /** Cancel a job. Throws `ApiError`. */
  async cancel(id: string): Promise<void> {
    this.#takeAnswer(await post('/cozygen/api/jobs/{id}/cancel', { path: { id } }));
  }

  /** Queue the same job again. Throws `ApiError`. */
  async retry(id: string): Promise<Job[]> {
    const { jobs } = await post('/cozygen/api/jobs/{id}/retry', { path: { id } });
    jobs.forEach((job) => this.#takeAnswer(job));
    return jobs;
  }

  /** The answer to a request may arrive after events that tell of later states. */
  #takeAnswer(job: Job): void {
    const known = this.jobs.get(job.id);
    if (!known || (isActive(known) && !isActive(job))) this.#take(job);
  }

  #take(job: Job): void {
    const before = this.jobs.get(job.id);
    if (before && !isActive(before) && isActive(job)) return;
    this.#touch(job.id);
    this.jobs.set(job.id, job);
    if (!isActive(job)) {
      if (!before || isActive(before)) this.#tell(job);
      this.#advanceLine();
    }
  }

  /** Others move up when a job leaves the line; the server tells only about the job that changed. */
  #advanceLine(): void {
    let place = 0;
    for (const job of this.active) {
      if (job.status !== 'queued') continue;
      place += 1;
      if (job.position !== place) this.jobs.set(job.id, { ...job, position: place });
    }
  }

  #update(id: string, change: Partial<Job>): void {
    const job = this.jobs.get(id);
    if (!job || !isActive(job)) return;
    this.#touch(id);
    this.jobs.set(id, { ...job, ...change });
  }

  #touch(id: string): void {
    this.#touched.set(id, ++this.#clock);
  }

  #tell(job: Job): void {
    for (const listener of this.#listeners) listener(job);
  }
}

async function fetchActive(): Promise<Job[]> {
  const found: Job[] = [];
  let before: number | undefined;
  for (let page = 0; page < ACTIVE_PAGES; page++) {
    const answer = await get('/cozygen/api/jobs', { query: { status: 'active', limit: ACTIVE_PAGE, before } });
    found.push(...answer.items);
    if (!answer.next) break;
    before = Number(answer.next);
  }
  return found;
}

export const studio = new Studio();
