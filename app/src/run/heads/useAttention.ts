/** The attention of a checkpoint on a text, and that of the run's first checkpoint on the same tokens. */

import type { AttentionProbabilities } from 'mathformer/model';
import { useMemo } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { ModelHandle } from '../../model/modelWorker.ts';
import type { TokenText } from '../../model/operations.ts';
import { type Computation, useComputation } from '../../model/useComputation.ts';
import { formatRef } from '../../shell/routes.ts';
import type { KeptCheckpoint } from './checkpoints.ts';

/** The attention that the page asks for. */
export interface AttentionWish {
  readonly checkpoint: KeptCheckpoint;
  /** The checkpoint to compare with; undefined for none. */
  readonly before: KeptCheckpoint | undefined;
  readonly text: string;
  readonly withAnswer: boolean;
}

/** Attention on tokens. */
export interface ComputedAttention {
  readonly tokens: TokenText;
  readonly now: AttentionProbabilities;
  readonly before: AttentionProbabilities | undefined;
}

export function useAttention(run: RunData, wish: AttentionWish | undefined): Computation<ComputedAttention> {
  const { checkpoint, before, text = '', withAnswer = true } = wish ?? {};
  const models = useMemo(() => new RunModels(run), [run]);
  const compute = async (): Promise<ComputedAttention> => {
    if (!checkpoint) throw new Error('there is no checkpoint; choose one');
    const model = models.get(checkpoint);
    const tokens = await model.tokens(text, withAnswer);
    const now = await model.attend(tokens.ids);
    const then = before && (await models.get(before).attend(tokens.ids));
    return { tokens, now, before: then };
  };
  const isAsked = checkpoint !== undefined && text !== '';
  const inputs = [models, keyOf(checkpoint), keyOf(before), text, withAnswer];
  return useComputation(isAsked ? compute : undefined, inputs);
}

/** Name a checkpoint and its content; lists of checkpoints are made anew whenever a file changes. */
const keyOf = (checkpoint: KeptCheckpoint | undefined): string =>
  checkpoint ? `${checkpoint.file} ${checkpoint.version}` : '';

/** The checkpoints of a run as models. */
class RunModels {
  readonly #handles = new Map<string, ModelHandle>();

  constructor(private readonly run: RunData) {}

  get(checkpoint: KeptCheckpoint): ModelHandle {
    const key = keyOf(checkpoint);
    const known = this.#handles.get(key);
    if (known) return known;
    const handle = new ModelHandle(`${formatRef(this.run.ref)} ${key}`, () => this.#read(checkpoint.file));
    this.#handles.set(key, handle);
    return handle;
  }

  async #read(file: string): Promise<{ readonly bytes: Uint8Array; readonly name: string }> {
    const bytes = await this.run.bytes(file);
    if (!bytes) throw new Error(`${file} is not there any more; choose another checkpoint`);
    return { bytes, name: file };
  }
}
