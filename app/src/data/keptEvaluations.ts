/** The evaluations of a run whose answers are kept, by the names of its files. */
import type { ListedFile } from 'mathformer/training';

/** Answers to held-out problems that the run keeps. */
export interface KeptEvaluation {
  /** Name of the file. */
  readonly file: string;
  /** The step of GRPO after which it was made; null for `baseline` and `final`. */
  readonly step: number | null;
  readonly name: string;
}

/** Find the kept evaluations among the files: the baseline, those on the way by step, the final one. */
export function evaluationsIn(files: readonly ListedFile[]): readonly KeptEvaluation[] {
  const kept = files.flatMap(({ name: file }) => {
    const [, name, step] = /^(baseline|final|eval_step(\d+))_completions\.jsonl$/.exec(file) ?? [];
    return name ? [{ file, name, step: step === undefined ? null : Number(step) }] : [];
  });
  const order = ({ name, step }: KeptEvaluation): number =>
    step ?? (name === 'baseline' ? -1 : Number.POSITIVE_INFINITY);
  return kept.toSorted((a, b) => order(a) - order(b));
}
