/** `train.ts resume RUN`: goes on with a run, finished or killed, from its last checkpoint and with its own options. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { BadOptionError, integer, parseOptions } from '../options.ts';
import { withFileErrors } from '../runs/fileError.ts';
import { type EarlierSession, sessionSchema } from './session.ts';
import { runGrpo, runPipeline, runPretraining } from './training.ts';
import { grpoFlags, pipelineFlags, pretrainFlags } from './trainingFlags.ts';

const { adapter, generationProcesses, profile, debug, json, quiet } = sessionSchema.shape;

export const resumeFlags = z.strictObject({
  steps: integer(1, 1_000_000_000)
    .optional()
    .describe(
      'steps in all (in pretraining passes, in the pipeline those of GRPO) instead of what the run has',
    ),
  logCsv: z.string().optional().describe("the CSV file of the metrics, if it was moved ('' for none)"),
  ...{ adapter, generationProcesses, profile, debug, json, quiet },
});

/** What config.json has to hold. */
const configSchema = z.looseObject({
  kind: z.enum(['pipeline', 'pretrain', 'grpo']),
  options: z.record(z.string(), z.unknown()),
});

/** @throws FileError, or BadOptionError if the directory holds no run that can be gone on with. */
export async function resumeRun(directory: string, flags: z.output<typeof resumeFlags>): Promise<void> {
  const config = runConfig(directory);
  const earlier: EarlierSession = { directory, config };
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  const { steps: _, ...own } = Object.fromEntries(given);
  const steps = flags.steps === undefined ? {} : { steps: flags.steps };
  const options: Record<string, unknown> = { ...config.options, profile: undefined, ...own };
  switch (config.kind) {
    case 'pretrain':
      return runPretraining(parseOptions(pretrainFlags, { ...options, ...steps }), earlier);
    case 'grpo':
      return runGrpo(parseOptions(grpoFlags, { ...options, ...steps }), earlier);
    case 'pipeline': {
      const { pretrain, grpo, ...shared } = options;
      const sections = { pretrain: { ...section(pretrain) }, grpo: { ...section(grpo), ...steps } };
      return runPipeline(parseOptions(pipelineFlags, shared), sections, earlier);
    }
    default:
      return config.kind satisfies never;
  }
}

const section = (candidate: unknown): object =>
  typeof candidate === 'object' && candidate !== null ? candidate : {};

function runConfig(directory: string): z.output<typeof configSchema> & Record<string, unknown> {
  const path = join(directory, 'config.json');
  const text = withFileErrors(path, () => readFileSync(path, 'utf8'));
  try {
    return configSchema.parse(JSON.parse(text));
  } catch {
    const fix = 'give the directory of a run of train.ts, such as runs/2026-01-31T12-00-00-grpo';
    throw new BadOptionError('run', `${path} is not the config of a training run`, fix);
  }
}
