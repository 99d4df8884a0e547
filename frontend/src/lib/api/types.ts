import type { components } from './schema';

type Schemas = components['schemas'];

export type Engine = Schemas['EngineState'];
export type Form = Schemas['Form'];
export type FormField = Schemas['FormFieldModel'];
export type InputItem = Schemas['InputItem'];
export type Job = Schemas['JobView'];
export type JobOutput = Schemas['JobOutput'];
export type JobProgress = Schemas['JobProgress'];
export type JobRequest = Schemas['JobRequest'];
export type Preset = Schemas['Preset'];
export type Group = Schemas['GroupView'];
export type GroupGrid = Schemas['GroupGrid'];
export type Imported = Schemas['Imported'];
export type Exposed = Schemas['ExposedModel'];
export type Axis = Schemas['AxisInput'];
export type TagUpdate = Schemas['TagUpdate'];
export type Workflow = Schemas['WorkflowSummary'];
export type Mode = NonNullable<Workflow['mode']>;
export type MediaKind = NonNullable<JobOutput['media_kind']>;

export const MODES: readonly Mode[] = ['text-to-image', 'image-to-image', 'text-to-video', 'image-to-video'];
