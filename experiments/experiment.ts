/** Types of experiments. An experiment has rows of settings, each trained from the same start with the same seeds. */
import type { z } from 'zod';
import type { grpoSchema } from '../src/grpo/options.ts';
import type { ModelSize } from '../src/model/config.ts';
import type { pretrainSchema } from '../src/pretrain/options.ts';
import type { ArithmeticOptions } from '../src/tasks/arithmetic/task.ts';
import type { Task } from '../src/tasks/task.ts';

/** Problems of arithmetic, and the maximum number of tokens of a completion. */
export interface Setting {
  readonly operators: string;
  readonly maxDigits: number;
  readonly maxDepth: number;
  readonly maxNewTokens: number;
}

/** A model that GRPO starts from: a checkpoint of the reference data, or a model pretrained by the experiment. */
export type Start = {
  readonly name: string;
  /** Description for the tables. */
  readonly about: string;
  readonly setting: Setting;
  /** Number of held-out problems of its evaluations. */
  readonly evalSize: number;
} & (
  | { readonly kind: 'reference'; readonly path: string }
  | {
      readonly kind: 'pretrained';
      /** The start whose weights this one continues from. Default: new weights. */
      readonly from?: string;
      readonly modelsize: ModelSize;
      readonly options: Readonly<z.input<typeof pretrainSchema>> &
        Pick<ArithmeticOptions, 'littleProbability' | 'scratchpadProbability'>;
    }
);

/** Options of GRPO in the form of `--config`; `reward` is a list in the form of the flag. */
export type Change = Readonly<z.input<typeof grpoSchema>> & { readonly reward?: string };

/** One row of settings of an experiment. */
export interface Row {
  /** Name in the tables. */
  readonly name: string;
  /** Options that differ from the experiment's base. */
  readonly change: Change;
}

/** An evaluation of several checkpoints on problems other than the held-out ones. */
export interface Examination {
  /** Makes the task whose problems are answered. */
  readonly task: (options: ArithmeticOptions) => Task;
  readonly evalSize: number;
  /** Steps of the checkpoints; 0 is the start. */
  readonly steps: readonly number[];
}

/** Rows that are trained from one start. */
export interface Experiment {
  readonly name: string;
  readonly start: string;
  /** Options of all rows that differ from the defaults. */
  readonly base: Change;
  readonly rows: readonly Row[];
  readonly seeds: readonly number[];
  readonly evalInterval: number;
  /** Number of completions of each problem for pass@k, before and after training. Default: none. */
  readonly samples?: number;
  readonly examination?: Examination;
  /** Steps whose accuracies are listed. Default: those that a gain takes are. */
  readonly listed?: readonly number[];
  /** Plot differences to the first row. Default: curves. */
  readonly plot?: 'differences';
}

/** One training. */
export interface Trial {
  readonly experiment: Experiment;
  readonly row: Row;
  readonly seed: number;
}

/** Return all trials of an experiment, seed by seed, so that the first comparison is complete early. */
export function trialsOf(experiment: Experiment): Trial[] {
  return experiment.seeds.flatMap((seed) => experiment.rows.map((row) => ({ experiment, row, seed })));
}

/** Return the name of a trial, on the command line and of its files, such as `ablations/group-8/seed-0`. */
export function trialName({ experiment, row, seed }: Trial): string {
  return `${experiment.name}/${slug(row.name)}/seed-${seed}`;
}

/** Return a name in a form that is safe in a path. */
export function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-|-$/g, '');
}
