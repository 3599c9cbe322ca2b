/**
 * `tune`: measures the variants of every kernel on this adapter for the products of a model, and keeps the fastest for later
 * runs. GPUs are tuned on first use too; software adapters only by this command, as the package has choices for them.
 */
import { Command } from 'commander';
import { z } from 'zod';
import type { Candidate, TuningResult } from '../../gpu/tuning.ts';
import { MODEL_SIZES, type ModelSize, modelConfig } from '../../model/config.ts';
import { madeTask } from '../../tasks/definition.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import { openTunable, tuneModels } from '../chooseKernels.ts';
import { deviceText } from '../commandMachine.ts';
import { throwing } from '../failure.ts';
import { addFlags, readFlags } from '../flags/flags.ts';
import { modelSchema } from '../flags/modelFlags.ts';
import { DEFAULT_TASK } from '../flags/taskFlag.ts';
import { Reporter } from '../reporter.ts';

const { modelsize, numExperts, activeExperts } = modelSchema.shape;
const { adapter, threads, relaxed, matmulPrecision, json, quiet } = outputSchema.shape;
const flagsSchema = z.strictObject({
  modelsize,
  numExperts,
  activeExperts,
  adapter,
  threads,
  relaxed,
  matmulPrecision,
  json,
  quiet,
});

async function run(flags: z.output<typeof flagsSchema>): Promise<void> {
  const reporter = new Reporter(flags);
  const opened = await openTunable(flags.adapter, flags);
  reporter.line(deviceText(opened));
  const sizes: readonly ModelSize[] = flags.modelsize ? [flags.modelsize] : ['tiny', 'small'];
  const experts = { numExperts: flags.numExperts ?? 0, activeExperts: flags.activeExperts ?? 0 };
  const { vocabSize } = (await madeTask(DEFAULT_TASK)).tokenizer;
  const models = sizes.map((size) => modelConfig(size, { vocabSize, ...experts }));
  const { path, results } = await tuneModels(opened.name, models, flags, reporter);
  for (const result of results) reporter.line(resultText(result));
  reporter.line(`Saved to ${path}`);
  reporter.document({ adapter: opened.description, path, results });
}

/** `matmul bias K64 N192 M8192: tile 64×64, 4×4 (1.31 times as fast as …)`. */
function resultText({ key, untuned, chosen, candidates }: TuningResult): string {
  const refused = candidates.filter(({ result }) => typeof result === 'string');
  const notes = refused.map(({ variant, result }) => `; ${variant} is ${result}`).join('');
  const ratio = candidates.find(({ variant }) => variant === chosen)?.result;
  if (chosen === untuned || typeof ratio !== 'number')
    return `${key}: ${chosen}${best(candidates, untuned)}${notes}`;
  return `${key}: ${chosen}, ${(1 / ratio).toFixed(2)} times as fast as ${untuned}${notes}`;
}

/** Format the ratio of the runner-up, where the untuned choice stays. */
function best(candidates: readonly Candidate[], untuned: string): string {
  const timed = candidates.flatMap(({ variant, result }) =>
    typeof result === 'number' && variant !== untuned ? [{ variant, result }] : [],
  );
  const next = timed.sort((a, b) => a.result - b.result)[0];
  return next ? ` (${next.variant} takes ${next.result.toFixed(2)} of its time)` : '';
}

/** Build `tune`. */
export function tuneCommand(): Command {
  const command = throwing(new Command('tune')).description(
    `Measures which kernels are the fastest on this adapter for the products of a model (${Object.keys(MODEL_SIZES).join(', ')}; ` +
      'tiny and small unless given), and keeps the choices for later runs.',
  );
  return addFlags(command, flagsSchema).action(() => run(readFlags(command, flagsSchema)));
}
