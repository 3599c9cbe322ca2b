/** The attention of a checkpoint on a text, and that of the run's first checkpoint on the same tokens. */

import type { AttentionProbabilities } from 'mathformer/model';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { ModelHandle } from '../../model/modelWorker.ts';
import type { TokenText } from '../../model/operations.ts';
import { formatRef } from '../../shell/routes.ts';
import type { KeptCheckpoint } from './checkpoints.ts';

/** What the page wants to see. */
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

/** The state of what was wished for. The last result stays until the next one is there. */
export interface AttentionState {
  readonly result: ComputedAttention | undefined;
  readonly error: unknown;
  readonly busy: boolean;
}

const IDLE: AttentionState = { result: undefined, error: undefined, busy: true };

/** Wait for the typing to pause, in milliseconds. */
const PAUSE = 150;

export function useAttention(run: RunData, wish: AttentionWish | undefined): AttentionState {
  const [state, setState] = useState(IDLE);
  const { checkpoint, before, text, withAnswer } = wish ?? {};
  const models = useMemo(() => new RunModels(run), [run]);
  useEffect(() => {
    if (!checkpoint || text === undefined || text === '') return;
    const stopped = { current: false };
    setState((last) => ({ ...last, busy: true }));
    const timer = setTimeout(async () => {
      try {
        const model = models.get(checkpoint);
        const tokens = await model.tokens(text, withAnswer ?? true);
        const now = await model.attend(tokens.ids);
        const then = before && (await models.get(before).attend(tokens.ids));
        if (!stopped.current)
          setState({ result: { tokens, now, before: then }, error: undefined, busy: false });
      } catch (error) {
        if (!stopped.current) setState({ result: undefined, error, busy: false });
      }
    }, PAUSE);
    return () => {
      stopped.current = true;
      clearTimeout(timer);
    };
  }, [models, checkpoint, before, text, withAnswer]);
  return state;
}

/** The checkpoints of a run as models. */
class RunModels {
  readonly #handles = new Map<string, ModelHandle>();

  constructor(private readonly run: RunData) {}

  get({ file }: KeptCheckpoint): ModelHandle {
    const known = this.#handles.get(file);
    if (known) return known;
    const handle = new ModelHandle(`${formatRef(this.run.ref)} ${file}`, () => this.#read(file));
    this.#handles.set(file, handle);
    return handle;
  }

  async #read(file: string): Promise<{ readonly bytes: Uint8Array; readonly name: string }> {
    const bytes = await this.run.bytes(file);
    if (!bytes) throw new Error(`${file} is not there any more; choose another checkpoint`);
    return { bytes, name: file };
  }
}
