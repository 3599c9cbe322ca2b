/** The flags that say what the model is, and where it comes from: made anew, or read from a checkpoint. */
import { z } from 'zod';
import { BadOptionError, integer, oneOf } from '../../base/options.ts';
import { type AssumedConfig, type Checkpoint, CheckpointError } from '../../formats/index.ts';
import { ARCHITECTURES } from '../../model/architectures/index.ts';
import {
  describe,
  MODEL_SIZES,
  type ModelConfig,
  type ModelShape,
  type ModelSize,
  modelConfig,
  shapeOf,
} from '../../model/config.ts';
import { initialStateDict } from '../../model/stateDict.ts';
import { type LoadedCheckpoint, loadCheckpoint } from '../../runs/checkpointFile.ts';
import type { Task } from '../../tasks/task.ts';
import { MAX_ACTIVE_EXPERTS } from '../../tensor/index.ts';

const SIZES = Object.keys(MODEL_SIZES) as [ModelSize, ...ModelSize[]];
const SHAPES = Object.keys(ARCHITECTURES) as [ModelShape, ...ModelShape[]];
const OTHERWISE = "(default: the checkpoint's own";

/** Not given is not the default: a checkpoint brings its own sizes, and only what is given can disagree with them. */
export const modelSchema = z.strictObject({
  modelsize: oneOf(SIZES).optional().describe(`size of the model ${OTHERWISE}, or small for a new model)`),
  shape: oneOf(SHAPES)
    .optional()
    .describe(
      `architecture: the original's, or one that export writes for Hugging Face ${OTHERWISE}, or mathformer)`,
    ),
  numExperts: integer(0, 256).optional().describe(`experts per block, 0 = dense ${OTHERWISE}, or 0)`),
  activeExperts: integer(0, MAX_ACTIVE_EXPERTS)
    .optional()
    .describe(`experts each token is sent to ${OTHERWISE}, or 0)`),
});

export type ModelFlags = z.output<typeof modelSchema>;

/** A model of a task with random weights. @throws BadOptionError if the flags contradict each other. */
export function newModel(
  { modelsize = 'small', ...flags }: ModelFlags,
  seed: number,
  { tokenizer }: Task,
): Checkpoint {
  const { shape = 'mathformer', numExperts = 0, activeExperts = 0 } = flags;
  checkExperts({ numExperts, activeExperts });
  if (numExperts > 0 && activeExperts === 0) {
    const problem = `--num_experts ${numExperts} needs --active_experts`;
    throw new BadOptionError('--active_experts', problem, `give --active_experts from 1 to ${numExperts}`);
  }
  if (numExperts > 0 && !('numExperts' in ARCHITECTURES[shape].defaults(MODEL_SIZES[modelsize]))) {
    const problem = `--shape ${shape} has no experts`;
    throw new BadOptionError('--num_experts', problem, 'leave out --num_experts, or give --shape mathformer');
  }
  const experts = numExperts > 0 ? { numExperts, activeExperts } : {};
  const config = modelConfig(modelsize, { shape, vocabSize: tokenizer.vocabSize, ...experts });
  return { config, stateDict: initialStateDict(config, seed), metadata: new Map() };
}

/**
 * Reads a checkpoint that agrees with the flags and with the task's tokenizer.
 * @throws FileError, CheckpointError, or BadOptionError naming the flag that disagrees.
 */
export function loadModel(path: string, flags: ModelFlags, task: Task): Checkpoint {
  const checkpoint = openModel(path, flags);
  checkTask(path, checkpoint, task);
  return checkpoint;
}

/** Reads a checkpoint that agrees with the flags. @throws FileError, CheckpointError, BadOptionError */
export function openModel(path: string, flags: ModelFlags): LoadedCheckpoint {
  checkExperts(flags);
  const { modelsize, activeExperts } = flags;
  const assumed: AssumedConfig = {
    ...(activeExperts === undefined ? {} : { activeExperts }),
    ...(modelsize === undefined ? {} : { nHeads: MODEL_SIZES[modelsize].nHeads }),
  };
  const checkpoint = withFlagAdvice(() => loadCheckpoint(path, assumed));
  checkAgreement(flags, checkpoint.config);
  return checkpoint;
}

/** Advise the flags that say what a bare file of weights does not. */
function withFlagAdvice<Result>(load: () => Result): Result {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof CheckpointError) || error.code !== 'CONFIG_UNKNOWN') throw error;
    const { where, problem } = error;
    const fix = 'give --modelsize, and of a mixture of experts --active_experts';
    throw new CheckpointError('CONFIG_UNKNOWN', where, problem, fix, { cause: error });
  }
}

/** @throws BadOptionError if a model has another vocabulary than the task. */
export function checkTask(path: string, { config }: Pick<Checkpoint, 'config'>, { tokenizer }: Task): void {
  if (config.vocabSize === tokenizer.vocabSize) return;
  throw new BadOptionError(
    '--checkpoint',
    `${path}: its vocabulary has ${config.vocabSize} tokens, the task's has ${tokenizer.vocabSize}`,
    'give a checkpoint that was trained on this task, or another --task',
  );
}

function checkExperts({ numExperts, activeExperts }: ModelFlags): void {
  if (numExperts === undefined || activeExperts === undefined || activeExperts <= numExperts) return;
  throw new BadOptionError(
    '--active_experts',
    `--active_experts ${activeExperts} is above --num_experts ${numExperts}`,
    numExperts === 0 ? 'give --num_experts too' : `give --active_experts from 1 to ${numExperts}`,
  );
}

function checkAgreement(flags: ModelFlags, config: ModelConfig): void {
  const { modelsize, shape } = flags;
  if (modelsize !== undefined && !isOfSize(config, modelsize)) {
    const actual = SIZES.find((size) => isOfSize(config, size));
    throw new BadOptionError(
      '--modelsize',
      `--modelsize ${modelsize} is not the size of the checkpoint (${describe(config)})`,
      actual ? `leave it out or give --modelsize ${actual}` : 'leave it out',
    );
  }
  const actual = shapeOf(config);
  if (shape !== undefined && shape !== actual) {
    throw new BadOptionError(
      '--shape',
      `--shape ${shape} is not the shape of the checkpoint${actual ? ` (${actual})` : ''}`,
      'leave it out: a trained model keeps its shape',
    );
  }
  const fields = new Map<string, unknown>(Object.entries(config));
  for (const [flag, name] of [
    ['--num_experts', 'numExperts'],
    ['--active_experts', 'activeExperts'],
  ] as const) {
    const [given, own] = [flags[name], fields.get(name) ?? 0];
    if (given === undefined || given === own) continue;
    throw new BadOptionError(flag, `${flag} is ${given}, but the checkpoint has ${own}`, `leave out ${flag}`);
  }
}

function isOfSize(config: ModelConfig, size: ModelSize): boolean {
  const fields = new Map<string, unknown>(Object.entries(config));
  return Object.entries(MODEL_SIZES[size]).every(([name, value]) => fields.get(name) === value);
}
