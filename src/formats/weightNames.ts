/** Names of weights without the prefixes of wrappers around a model. */

import { CheckpointError, quoted } from './error.ts';

/** Added anywhere in a name: torch.compile, FullyShardedDataParallel, activation checkpointing. */
const WRAPPERS = /(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)(?=\.)/g;
/** Every model of this project has it, so that it tells what stands before all names. */
const LANDMARK = 'tok_emb.weight';
/** Name of the counter that torch.optim.swa_utils.AveragedModel has beside its model. */
const COUNTER = 'n_averaged';

/**
 * Weights by the names that they have in the model itself: without the wrappers of torch.compile and of sharding, and
 * without the one prefix that DataParallel (`module.`), Lightning (`model.`) and others put before all of them.
 * Throws `CheckpointError` if two weights would have one name.
 */
export function withPlainNames<Weight>(weights: ReadonlyMap<string, Weight>): Map<string, Weight> {
  const unwrapped = renamed(weights, (name) => name.replaceAll(WRAPPERS, '').replace(/^\.+/, ''));
  const landmark = [...unwrapped.keys()].find((name) => name.endsWith(`.${LANDMARK}`));
  if (landmark === undefined || unwrapped.has(LANDMARK)) return unwrapped;
  const prefix = landmark.slice(0, -LANDMARK.length);
  unwrapped.delete(COUNTER);
  return renamed(unwrapped, (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
}

/** Return true if these are names of a model of this project, with or without wrappers. */
export const areOurs = (names: readonly unknown[]): boolean =>
  names.some((name) => typeof name === 'string' && `.${name}`.endsWith(`.${LANDMARK}`));

function renamed<Weight>(
  weights: ReadonlyMap<string, Weight>,
  rename: (name: string) => string,
): Map<string, Weight> {
  const result = new Map<string, Weight>();
  for (const [name, weight] of weights) {
    const plain = rename(name);
    if (result.has(plain)) {
      const problem = `two weights are ${quoted(plain)} once wrappers are left out of their names`;
      throw new CheckpointError('NOT_A_CHECKPOINT', 'state_dict', problem, 'save the weights of one model');
    }
    result.set(plain, weight);
  }
  return result;
}
