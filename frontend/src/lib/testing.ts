import type { FormField, Job } from './api/types';

/** A form field for tests. */
export function field(change: Partial<FormField> = {}): FormField {
  return {
    key: 'Prompt',
    node_id: '1',
    class_type: 'CozyGenDynamicInput',
    input: 'default_value',
    label: 'Prompt',
    type: 'string',
    default: '',
    multiline: false,
    min: null,
    max: null,
    step: null,
    choices: null,
    choice_type: null,
    can_randomize: false,
    can_bypass: false,
    priority: 10,
    ...change,
  };
}

/** A job for tests, with the fields that the app reads. */
export function job(id: string, change: Partial<Job> = {}): Job {
  const queued = {
    id,
    workflow: 'text_to_image.json',
    title: 'Text to image',
    status: 'queued',
    number: 0,
    position: 1,
    created_at: 1000,
    started_at: null,
    finished_at: null,
    progress: null,
    error: null,
    outputs: [],
    values: {},
    preview: null,
  };
  return { ...queued, ...change } as Job;
}
