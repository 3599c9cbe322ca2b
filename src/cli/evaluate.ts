#!/usr/bin/env node
/**
 * `evaluate.ts CHECKPOINT [OTHER]`: accuracy on held-out problems, the same ones every time; with two checkpoints also
 * their difference, with its interval and McNemar's test.
 */
import { Command } from 'commander';
import { z } from 'zod';
import { grpoSchema } from '../grpo/options.ts';
import { describe } from '../model/config.ts';
import { type Evaluation, evaluate } from '../model/evaluate.ts';
import { Sampler } from '../model/sampler.ts';
import { Transformer } from '../model/transformer.ts';
import { integer } from '../options.ts';
import { writeAtomically } from '../runs/atomicFile.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import { accuracyOf, accuracyWithInterval, improvementOf, improvementText } from './accuracy.ts';
import { runCommand, throwing } from './failure.ts';
import { addFlags, readFlags, withOperandsLast, withUnderscores } from './flags.ts';
import { heldOut, problemsOf } from './heldOut.ts';
import { deviceText, type Machine, withMachine } from './machine.ts';
import { loadModel, modelSchema } from './modelFlags.ts';
import { Reporter } from './reporter.ts';
import { outputSchema } from './session.ts';
import { taskFlag, taskOf } from './taskFlag.ts';
import { completionRows } from './workbench.ts';

const { maxDigits, maxDepth, operators, maxGenLen } = grpoSchema.shape;

const flagsSchema = z.strictObject({
  evalSize: integer(1, 100_000).default(1000).describe('held-out problems'),
  ...taskFlag,
  maxDigits,
  maxDepth,
  operators,
  evalSet: z
    .string()
    .min(1)
    .optional()
    .describe('take the problems from this file (evaluation.jsonl of a run)'),
  maxGenLen,
  completions: z
    .string()
    .min(1)
    .optional()
    .describe('write what the first model answered to this file, as JSON lines'),
  ...modelSchema.shape,
  ...outputSchema.shape,
});

type Flags = z.output<typeof flagsSchema>;

async function run(paths: readonly string[], flags: Flags): Promise<void> {
  const reporter = new Reporter(flags);
  const { evalSet, evalSize } = flags;
  const task = await taskOf(flags.task, flags);
  const problems = evalSet === undefined ? heldOut(task, evalSize) : problemsOf(evalSet, task);
  const checkpoints = paths.map((path) => ({ path, ...loadModel(path, flags, task) }));
  const models = checkpoints.map(({ config }) => config);
  await withMachine(flags, reporter, models, async (machine) => {
    reporter.line(deviceText(machine.adapter));
    const judged: { path: string; correct: readonly boolean[] }[] = [];
    for (const checkpoint of checkpoints) {
      reporter.line(`Loading checkpoint from ${checkpoint.path}`);
      reporter.line(`Model loaded: ${describe(checkpoint.config)}`);
      const evaluation = await judgeOne(machine, checkpoint, { task, problems }, flags, reporter);
      reporter.line(`Accuracy: ${accuracyWithInterval(accuracyOf(evaluation.correct))}`);
      if (flags.completions !== undefined && judged.length === 0) {
        const rows = completionRows(task, problems, evaluation.completions);
        writeAtomically(flags.completions, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      }
      judged.push({ path: checkpoint.path, correct: evaluation.correct });
    }
    const [first, second] = judged;
    const difference = first && second ? improvementOf(first.correct, second.correct) : null;
    if (difference) reporter.line(`Difference: ${improvementText(difference)}`);
    const results = judged.map(({ path, correct }) => ({ checkpoint: path, ...accuracyOf(correct) }));
    reporter.document({ results, difference, adapter: machine.adapter });
  });
}

async function judgeOne(
  { device }: Machine,
  { config, stateDict }: ReturnType<typeof loadModel>,
  { task, problems }: { readonly task: Task; readonly problems: readonly TaskProblem[] },
  { maxGenLen: maxNew }: Flags,
  reporter: Reporter,
): Promise<Evaluation> {
  const model = new Transformer(device, config, stateDict);
  const sampler = new Sampler(model, { eos: task.tokenizer.eos });
  const bar = reporter.bar('Evaluating', problems.length);
  try {
    return await evaluate(sampler, problems, { task, maxNew, onProgress: (done) => bar.update(done) });
  } finally {
    bar.stop();
    sampler.dispose();
    model.dispose();
  }
}

const program = throwing(new Command('evaluate'))
  .description('Accuracy of a checkpoint on held-out problems; of two, also their difference.')
  .argument('<checkpoint>', 'model to evaluate (.safetensors, or .pt of the original)')
  .argument('[other]', 'model to compare with it on the same problems');
addFlags(program, flagsSchema).action((first: string, second: string | undefined) =>
  run(second === undefined ? [first] : [first, second], readFlags(program, flagsSchema)),
);

await runCommand(program, withOperandsLast(withUnderscores(process.argv.slice(2)), program));
