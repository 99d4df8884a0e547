import { field as formField } from '$lib/testing';
import { describe, expect, it } from 'vitest';
import { folderOf, hasWords, modelKind, promptField, shortName, strengthFields, withWords } from './models';

const choice = (more: object) => formField({ type: 'choice', ...more });

describe('which fields choose models', () => {
  it('goes by what the form says, then by the input', () => {
    expect(modelKind(choice({ choice_type: 'loras' }))).toBe('loras');
    expect(modelKind(choice({ choice_type: 'sampler' }))).toBeNull();
    expect(modelKind(choice({ input: 'ckpt_name' }))).toBe('checkpoints');
    expect(modelKind(choice({ class_type: 'PowerLoraLoader', input: 'lora_1', choices: ['a.safetensors'] }))).toBe(
      'loras',
    );
    expect(modelKind(choice({ input: 'mood', choices: ['calm', 'loud'] }))).toBeNull();
    expect(modelKind(formField({ type: 'string', input: 'ckpt_name' }))).toBeNull();
  });

  it('finds the strengths of the same node', () => {
    const lora = choice({ key: 'l', node_id: '1', input: 'lora_name' });
    const clip = formField({ key: 'c', node_id: '1', type: 'float', input: 'strength_clip' });
    const model = formField({ key: 'm', node_id: '1', type: 'float', input: 'strength_model' });
    const other = formField({ key: 'o', node_id: '2', type: 'float', input: 'strength_model' });
    expect(strengthFields(lora, [lora, clip, other, model])).toEqual([model, clip]);
  });
});

describe('words for the prompt', () => {
  it('go to its end, each once', () => {
    expect(withWords('', 'fog, mist')).toBe('fog, mist');
    expect(withWords('a hill', 'fog')).toBe('a hill, fog');
    expect(withWords('a hill, ', 'fog')).toBe('a hill, fog');
    expect(withWords('a hill, Fog', 'fog, mist')).toBe('a hill, Fog, mist');
    expect(hasWords('a hill, Fog', 'fog')).toBe(true);
    expect(hasWords('a hill, foggy', 'fog')).toBe(false);
  });

  it('go to the first long text', () => {
    const negative = formField({ key: 'Negative prompt', label: 'Negative prompt', type: 'string', multiline: true });
    const prompt = formField({ key: 'Prompt', label: 'Prompt', type: 'string', multiline: true });
    expect(promptField([negative, prompt])).toBe(prompt);
    expect(promptField([prompt, negative], true)).toBe(negative);
    expect(promptField([])).toBeNull();
  });
});

describe('names', () => {
  it('are short for people', () => {
    expect(shortName('a/b\\fog.v2.safetensors')).toBe('fog.v2');
    expect(folderOf('a\\b/fog.safetensors')).toBe('a/b');
    expect(folderOf('fog.ckpt')).toBe('');
  });
});
