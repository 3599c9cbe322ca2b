/** Messages between the page and the Worker that trains. All are plain data. */
import type { Recipe, TrainingEvent } from 'mathformer/training';
import type { PlainFailure } from '../data/plainFailure.ts';

/** The adapter to train on: `auto` takes WebGPU where the browser has it, else WebAssembly. */
export const ADAPTER_CHOICES = ['auto', 'webgpu', 'wasm'] as const;
export type AdapterChoice = (typeof ADAPTER_CHOICES)[number];

/** The model that a run begins with. */
export type Start =
  /** Random weights of a size in `MODEL_SIZES`, made from a seed. */
  | { readonly from: 'new'; readonly size: string; readonly seed: number }
  /** The bytes of a checkpoint file. */
  | { readonly from: 'file'; readonly name: string; readonly bytes: Uint8Array };

/** A run to begin. */
export interface NewRun {
  readonly recipe: Recipe;
  readonly start: Start;
}

/** A request of the page. */
export type LabCommand =
  | {
      readonly type: 'train';
      /** The name of the run, which is that of its directory. */
      readonly id: string;
      /** The run to begin; null resumes the one that has this name. */
      readonly begin: NewRun | null;
      readonly adapter: AdapterChoice;
      /** Steps after which to pause; null for none. */
      readonly steps: number | null;
      readonly question: string;
    }
  /** Go on after a pause. */
  | { readonly type: 'continue'; readonly steps: number | null }
  /** Pause once the step at hand is saved. */
  | { readonly type: 'pause' }
  /** Answer this after every step, and now if training is paused. */
  | { readonly type: 'ask'; readonly question: string };

/** The adapter that trains, and why it was taken. */
export interface AdapterInUse {
  readonly kind: 'webgpu' | 'wasm';
  readonly description: string;
  readonly why: string;
}

/** The model's most likely answer after a step. */
export interface LiveAnswer {
  readonly phase: string;
  readonly step: number;
  readonly question: string;
  /** The words of the model. */
  readonly completion: string;
  /** The answer in it; null without one. */
  readonly answer: string | null;
  readonly expected: string;
  readonly correct: boolean;
  /** The sum of the log-probabilities of its tokens, in nats. */
  readonly logp: number;
}

/** A message of the Worker. */
export type LabReport =
  | { readonly type: 'adapter'; readonly adapter: AdapterInUse }
  | { readonly type: 'training' }
  | { readonly type: 'paused' }
  | { readonly type: 'finished' }
  | { readonly type: 'failed'; readonly failure: PlainFailure }
  /** The question is not a problem of the task. */
  | { readonly type: 'unasked'; readonly question: string; readonly problem: string }
  | { readonly type: 'answer'; readonly answer: LiveAnswer }
  /** The browser keeps no files here: what is trained is lost with the tab. */
  | { readonly type: 'unkept'; readonly problem: string }
  | { readonly type: 'event'; readonly event: TrainingEvent };
