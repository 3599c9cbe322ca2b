/** Answers of checkpoints to problems: greedy ones, and samples. */

import type { CompletionSampler } from '../src/model/completions.ts';
import { countCorrect, evaluate } from '../src/model/evaluate.ts';
import { Transformer } from '../src/model/transformer.ts';
import { loadCheckpoint } from '../src/runs/checkpointFile.ts';
import type { Task } from '../src/tasks/task.ts';
import { heldOut } from '../src/training/heldOut.ts';
import type { Machine } from '../src/training/machine.ts';

/** Problems to answer. */
export interface Questions {
  readonly task: Task;
  /** Number of held-out problems. */
  readonly size: number;
  /** Most tokens of an answer. */
  readonly maxNewTokens: number;
}

/** Answer problems greedily. Return which answers are correct. */
export function examined(
  machine: Machine,
  path: string,
  { task, size, maxNewTokens }: Questions,
): Promise<boolean[]> {
  return withSampler(machine, path, task, async (sampler) => {
    const { correct } = await evaluate(sampler, heldOut(task, size), { task, maxNewTokens });
    return correct;
  });
}

/** Sample completions of problems. Return how many of each problem are correct. */
export function sampled(
  machine: Machine,
  path: string,
  { task, size, maxNewTokens }: Questions,
  drawing: { readonly samples: number; readonly temperature: number },
): Promise<number[]> {
  return withSampler(machine, path, task, (sampler) =>
    countCorrect(sampler, heldOut(task, size), { task, maxNewTokens, ...drawing }),
  );
}

async function withSampler<Result>(
  machine: Machine,
  path: string,
  task: Task,
  work: (sampler: CompletionSampler) => Promise<Result>,
): Promise<Result> {
  const { config, stateDict } = loadCheckpoint(path);
  const model = new Transformer(machine.device, config, stateDict);
  const sampler = machine.sampler(model, task.tokenizer.eos);
  try {
    return await work(sampler);
  } finally {
    sampler.dispose();
    model.dispose();
  }
}
