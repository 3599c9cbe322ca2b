/** `resume RUN`: resumes a run, finished or killed, from its last checkpoint and with its own options. */
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { isObject } from '../../base/arguments.ts';
import { BadOptionError, integer, parseOptions, yesOrNo } from '../../base/options.ts';
import { grpoSchema } from '../../grpo/options.ts';
import { sessionSchema } from '../../training/commandOptions.ts';
import { type EarlierRun, readRunConfig } from '../earlierRun.ts';
import { throwing } from '../failure.ts';
import { addFlags, filledOperand, flagsOf, readFlags } from '../flags/flags.ts';
import { flagsAndTask } from '../flags/taskFlags.ts';
import { grpoFlags, pipelineFlags, pretrainFlags } from '../flags/trainingFlags.ts';
import { checkTrust, trustFlag } from '../flags/trust.ts';
import { workersFields } from '../flags/workersFlags.ts';
import { runGrpo, runPipeline, runPretraining } from '../runTrainings.ts';

const { adapter, threads, relaxed, profile, debug, dashboard, json, quiet } = sessionSchema.shape;

export const resumeFlags = z.strictObject({
  steps: integer(1, 1_000_000_000)
    .optional()
    .describe(
      'steps in all (in pretraining passes, in the pipeline those of GRPO) instead of what the run has',
    ),
  microBatchTokens: grpoSchema.shape.microBatchTokens
    .unwrap()
    .optional()
    .describe('tokens per forward pass of GRPO instead of what the run has, if memory ran out'),
  logCsv: z
    .string()
    .optional()
    .describe("continue the metrics in this CSV file of the run, or in a new one ('' for none)"),
  tensorboard: yesOrNo().optional().describe('write the metrics for TensorBoard, if the run does so'),
  ...trustFlag,
  relaxed: relaxed
    .unwrap()
    .optional()
    .describe(relaxed.description ?? ''),
  ...workersFields,
  workersMode: workersFields.workersMode
    .unwrap()
    .optional()
    .describe(`${workersFields.workersMode.description}; default: as before`),
  ...{ adapter, threads, profile, debug, dashboard, json, quiet },
});

/** @throws FileError, or BadOptionError if the directory holds no run that can be resumed. */
export async function resumeRun(directory: string, flags: z.output<typeof resumeFlags>): Promise<void> {
  const config = readRunConfig(directory);
  const { steps, microBatchTokens, logCsv: csv, trust, ...own } = flags;
  checkTrust(config.options, join(directory, 'config.json'), trust);
  const earlier: EarlierRun = { directory, config, csv, flags: flagsOf(resumeFlags) };
  const given = defined(own);
  // Written, and so named by this command alone.
  const { trust: _, profile: __, ...former } = config.options;
  const options: Record<string, unknown> = { ...former, ...given };
  const more = defined({ steps, microBatchTokens });
  switch (config.kind) {
    case 'pretrain':
      return runPretraining(
        ...(await flagsAndTask(pretrainFlags, { ...unshared(options), ...more }, 'pretraining')),
        earlier,
      );
    case 'grpo':
      return runGrpo(...(await flagsAndTask(grpoFlags, { ...options, ...more }, 'other')), earlier);
    case 'pipeline': {
      const { pretrain, grpo, ...shared } = options;
      const sections = { pretrain: { ...section(pretrain) }, grpo: { ...section(grpo), ...more } };
      return runPipeline(parseOptions(pipelineFlags, shared), sections, earlier);
    }
    default:
      return config.kind satisfies never;
  }
}

/** Return options without those of workers. @throws BadOptionError if a run without rollouts is to share them. */
function unshared(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  if (options.workers !== undefined) {
    const problem = 'the run is one of pretraining, which has no rollouts to share';
    throw new BadOptionError('--workers', problem, 'leave it out');
  }
  return Object.fromEntries(Object.entries(options).filter(([key]) => !Object.hasOwn(workersFields, key)));
}

/** Build `resume <run>`. */
export function resumeCommand(): Command {
  const command = throwing(new Command('resume'))
    .description('Resumes a run from its last checkpoint, with its own options.')
    .argument('<run>', 'directory of the run, finished, interrupted or killed', filledOperand);
  return addFlags(command, resumeFlags).action((directory: string) =>
    resumeRun(directory, readFlags(command, resumeFlags)),
  );
}

const defined = (options: object): object =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

const section = (candidate: unknown): object => (isObject(candidate) ? candidate : {});
