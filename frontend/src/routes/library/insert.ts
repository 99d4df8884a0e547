import { get } from '$lib/api/client';
import { keys, queryClient } from '$lib/api/queries';
import type { Form } from '$lib/api/types';
import { withMore } from '$lib/prompts/elements';
import { shownValue, type Draft } from '$lib/state/drafts';
import { firstWorkflow } from '$lib/workflows';

/** A draft with more at the end of its prompt; null where the form has no prompt. */
export function withPrompt(form: Form, draft: Draft, text: string): Draft | null {
  const strings = form.fields.filter((field) => field.type === 'string');
  const field = strings.find(({ multiline }) => multiline) ?? strings[0];
  if (!field) return null;
  const prompt = withMore(String(shownValue(field, draft)), text);
  return { ...draft, values: { ...draft.values, [field.key]: prompt } };
}

/** Append to the prompt of the workflow used last, and go there. False where there is none. Throws `ApiError`. */
export async function insertIntoPrompt(text: string): Promise<boolean> {
  const [{ passOn }, { recents }] = await Promise.all([
    import('../create/state/pass'),
    import('../create/recents.svelte'),
  ]);
  const workflows = await queryClient.fetchQuery({
    queryKey: keys.workflows,
    queryFn: async () => (await get('/cozygen/api/workflows')).items,
  });
  const name = firstWorkflow(workflows, recents.names)?.name;
  if (name === undefined) return false;
  const form = await queryClient.fetchQuery({
    queryKey: keys.form(name),
    queryFn: () => get('/cozygen/api/workflows/{name}/form', { path: { name } }),
  });
  return passOn(name, (draft) => withPrompt(form, draft, text));
}
