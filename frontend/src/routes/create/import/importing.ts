import { address, exchange } from '$lib/api/client';
import type { Imported } from '$lib/api/types';
import { emptyDraft, type Draft } from '$lib/state/drafts';
import { parseExact, stringifyExact } from '../exact';

/** Find the workflow in a file. Nothing is stored. Throws `ApiError`. */
export async function findWorkflow(file: File, signal: AbortSignal): Promise<Imported> {
  const body = new FormData();
  body.append('file', file, file.name);
  return parseExact(await exchange('/cozygen/api/import', { method: 'POST', body }, signal)) as Imported;
}

/** Keep a workflow that was found, under a name. Throws `ApiError`. */
export async function keepWorkflow(found: Imported, name: string): Promise<void> {
  const workflow = found.format === 'ui' ? found.workflow : found.graph;
  await exchange(address('/cozygen/api/workflows/{name}', { name }), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: stringifyExact({ workflow }),
  });
}

/** What a missing file is addressed by. */
export const place = (file: { node_id: string; input: string }) => `${file.node_id}.${file.input}`;

/** The draft that puts other files in the places of missing ones, as far as the form has these. */
export function replacements(found: Imported, chosen: Readonly<Record<string, string>>): Draft | null {
  const values: Record<string, string> = {};
  for (const field of found.form.fields) {
    const value = chosen[place(field)];
    if (value) values[field.key] = value;
  }
  return Object.keys(values).length > 0 ? { ...emptyDraft(), values } : null;
}
