import { localDrafts, type Draft, type DraftStore } from '$lib/state/drafts';
import { SvelteSet } from 'svelte/reactivity';
import { draftKind } from './merge';
import type { Synced } from './synced';
import { userValues } from './user.svelte';

/** The keys of the server under which drafts are kept start with this. */
const PREFIX = 'form:';

type Listener = (draft: Draft, other: Draft | null) => void;

/** The user's drafts: painted from this browser, kept on the server. */
export class UserDrafts implements DraftStore {
  #listeners = new Map<string, Listener>();
  #settled = new SvelteSet<string>();

  /** Get a draft, so that it can be shown. */
  prepare(workflow: string): void {
    void this.#open(workflow).settled.then(() => this.#settled.add(workflow));
  }

  /** A draft can be shown: this browser has it, or the server has been asked. */
  isReady(workflow: string): boolean {
    return this.#settled.has(workflow);
  }

  load(workflow: string): Draft {
    return this.#open(workflow).value;
  }

  save(workflow: string, draft: Draft): void {
    this.#open(workflow).set(draft);
  }

  /** Tell `listener` what another device made of a draft, and what had to give way to it. */
  watch(workflow: string, listener: Listener): void {
    this.#listeners.set(workflow, listener);
  }

  /** A workflow has got another name. */
  rename(old: string, name: string): void {
    const draft = this.load(old);
    this.save(name, draft);
    userValues.forget(PREFIX + old);
  }

  #open(workflow: string): Synced<Draft> {
    const told: Listener = (draft, other) => this.#listeners.get(workflow)?.(draft, other);
    // What was typed before drafts were kept on the server is in this browser alone.
    return userValues.open(PREFIX + workflow, draftKind, told, localDrafts.load(workflow));
  }
}

export const userDrafts = new UserDrafts();
