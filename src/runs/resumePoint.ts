/** The point from which a run is resumed: its last checkpoint, or the start if that destroys nothing. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { MathformerError } from '../base/errors.ts';
import { documentFile, MANIFEST } from '../training/checkpointFormat.ts';
import { checkedResumePoint, checkNothingToLose } from '../training/resultsAtRisk.ts';
import type { ResumePoint } from '../training/store.ts';
import { Checkpoints } from './checkpoints.ts';

/** Return the advice of an error on how to continue training from a model. */
export type TrainOn = (model: string) => string;

/**
 * Read the last checkpoint of a run; undefined if it has none, nor other results that starting over would destroy.
 * @param onDamage is called for each damaged checkpoint; an earlier one is then used.
 * @throws MathformerError
 */
export function resumePoint(
  directory: string,
  onDamage: (error: MathformerError) => void,
  trainOn: TrainOn = (model) => `--checkpoint ${model}`,
): ResumePoint | undefined {
  const path = join(directory, 'checkpoints');
  const checkpoints = existsSync(path) ? new Checkpoints(path) : undefined;
  const found = checkpoints?.latest(onDamage);
  if (found) return checkedResumePoint(found, join(path, documentFile(found.name)));
  const isFilled = (name: string): boolean => sizeOf(join(directory, name)) > 0;
  const remains = { isFilled, unlisted: checkpoints?.unlisted() ?? [] };
  checkNothingToLose(join(path, MANIFEST), remains, (files) => fixFor(path, files, trainOn));
  return undefined;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Return the fix for a run whose manifest is lost: its models can still start a new training. */
function fixFor(checkpoints: string, files: readonly string[], trainOn: TrainOn): string {
  const models = files
    .filter((file) => /^(rl_)?model_\w+\.safetensors$/.test(file))
    .map((file) => join(checkpoints, file));
  const age = (path: string): number => statSync(path).mtimeMs;
  const last = models.toSorted((a, b) => age(a) - age(b)).at(-1);
  const copy = 'put a copy of it back, with the checkpoints that it names';
  if (last === undefined) return `${copy}, or begin a new run`;
  return `${copy}, or begin a new run with its last model: ${trainOn(last)}`;
}
