/** What an experiment is: rows of settings, each trained from the same start with the same seeds. */
import type { z } from 'zod';
import type { grpoSchema } from '../src/grpo/options.ts';
import type { ModelSize } from '../src/model/config.ts';
import type { pretrainSchema } from '../src/pretrain/options.ts';

/** Problems of arithmetic, and the most tokens of an answer to one. */
export interface Setting {
  readonly operators: string;
  readonly maxDigits: number;
  readonly maxDepth: number;
  readonly maxGenLen: number;
}

/** A model that GRPO begins from: one of the reference data, or one that is pretrained here. */
export type Start = {
  readonly name: string;
  /** What people need to know of it. */
  readonly about: string;
  readonly setting: Setting;
  /** Held-out problems it is judged by. */
  readonly evalSize: number;
} & (
  | { readonly kind: 'reference'; readonly path: string }
  | {
      readonly kind: 'pretrained';
      /** The start that this one goes on from; new weights if left out. */
      readonly from?: string;
      readonly modelsize: ModelSize;
      readonly options: Readonly<z.input<typeof pretrainSchema>>;
    }
);

/** Options of GRPO as `--config` takes them; `reward` is the flag's list. */
export type Change = Readonly<z.input<typeof grpoSchema>> & { readonly reward?: string };

/** Settings to be compared with the others of an experiment. */
export interface Row {
  /** As tables call it. */
  readonly name: string;
  /** What it changes of the experiment's base. */
  readonly change: Change;
}

/** Answers to other problems than the held-out ones, of checkpoints on the way. */
export interface Examination {
  /** The path of a module that exports a task. */
  readonly task: string;
  readonly evalSize: number;
  /** After which steps; 0 is the start. */
  readonly steps: readonly number[];
}

/** Rows that are trained from one start. */
export interface Experiment {
  readonly name: string;
  readonly start: string;
  /** Options of every row that are not the defaults. */
  readonly base: Change;
  readonly rows: readonly Row[];
  readonly seeds: readonly number[];
  readonly evalInterval: number;
  /** Completions of each problem for pass@k, before and after; none if left out. */
  readonly samples?: number;
  readonly examination?: Examination;
  /** Differences to the first row; curves unless given. */
  readonly plot?: 'differences';
}

/** One training. */
export interface Trial {
  readonly experiment: Experiment;
  readonly row: Row;
  readonly seed: number;
}

/** All trainings of an experiment; seed by seed, so that a comparison is there early. */
export function trialsOf(experiment: Experiment): Trial[] {
  return experiment.seeds.flatMap((seed) => experiment.rows.map((row) => ({ experiment, row, seed })));
}

/** `ablations/group-8/seed-0`: the name of a trial on the command line and of its files. */
export function trialName({ experiment, row, seed }: Trial): string {
  return `${experiment.name}/${slug(row.name)}/seed-${seed}`;
}

/** A name as part of a path. */
export function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^-|-$/g, '');
}
