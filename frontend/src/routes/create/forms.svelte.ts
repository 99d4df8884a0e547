import type { Form } from '$lib/api/types';
import { toasts } from '$lib/state/toasts.svelte';
import { FormState } from './form-state.svelte';
import { userDrafts } from './state/drafts.svelte';
import { words } from './texts';

const known = new Map<string, FormState>();

/** The state of a workflow's form: one for each workflow, however often it is shown. */
export function formState(form: Form): FormState {
  const found = known.get(form.workflow);
  if (found) return found;
  const state = new FormState(form, userDrafts);
  known.set(form.workflow, state);
  userDrafts.watch(form.workflow, (draft, other) => {
    state.take(draft);
    if (other === null) return;
    state.other = other;
    toasts.show('info', words().sync.changed(state.form.title), {
      label: words().sync.swap,
      run: () => swapOther(state),
    });
  });
  return state;
}

/** Put the version of a form that gave way in the place of the one that stands. */
export function swapOther(state: FormState): void {
  if (state.other) state.other = state.replace(state.other);
}

/** Forget a workflow that has gone or has another name. */
export function forgetForm(workflow: string): void {
  known.delete(workflow);
}
