import { get } from '$lib/api/client';
import { keys, queryClient } from '$lib/api/queries';
import type { components } from '$lib/api/schema';
import type { Form } from '$lib/api/types';
import { firstWorkflow } from '$lib/workflows';
import { recents } from '../../routes/create/recents.svelte';
import { passOn } from '../../routes/create/state/pass';

export type UsedPrompt = components['schemas']['UsedPrompt'];

/** Where a prompt belongs in a form: in the field it was typed in, else in the first text. */
export function fieldFor(form: Form, prompt: UsedPrompt): string | null {
  const strings = form.fields.filter((field) => field.type === 'string');
  const own = strings.find(({ key }) => key === prompt.field);
  return (own ?? strings.find(({ multiline }) => multiline) ?? strings[0])?.key ?? null;
}

/**
 * Go to Create with an earlier prompt in its field and all else as it stands: in the workflow it was used in, else in
 * the one used last. False where there is none. Throws `ApiError`.
 */
export async function usePrompt(prompt: UsedPrompt): Promise<boolean> {
  const workflows = await queryClient.fetchQuery({
    queryKey: keys.workflows,
    queryFn: async () => (await get('/cozygen/api/workflows')).items,
  });
  const own = workflows.find(({ name, error }) => name === prompt.workflow && !error);
  const name = (own ?? firstWorkflow(workflows, recents.names))?.name;
  if (name === undefined) return false;
  const form = await queryClient.fetchQuery({
    queryKey: keys.form(name),
    queryFn: () => get('/cozygen/api/workflows/{name}/form', { path: { name } }),
  });
  const field = fieldFor(form, prompt);
  if (field === null) return false;
  return passOn(name, (draft) => ({ ...draft, values: { ...draft.values, [field]: prompt.text } }));
}
