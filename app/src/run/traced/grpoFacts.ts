/** The options of a run's GRPO that its traces do not repeat. */
import { ADVANTAGE_KINDS, type AdvantageKind } from 'mathformer/grpo';
import type { RunConfig } from 'mathformer/training';

export interface GrpoFacts {
  readonly advantages: AdvantageKind;
  /** c of the dual clip; 0 without one. */
  readonly dualClip: number;
}

/** Read the options; of a run without a readable config they are the defaults. */
export function grpoFacts(config: RunConfig | undefined): GrpoFacts {
  const { options = {}, kind } = config ?? {};
  const section = kind === 'pipeline' ? options.grpo : options;
  const given: Readonly<Record<string, unknown>> =
    typeof section === 'object' && section !== null ? { ...section } : {};
  const { advantages, dualClip } = given;
  return {
    advantages: ADVANTAGE_KINDS.find((known) => known === advantages) ?? 'group',
    dualClip: typeof dualClip === 'number' ? dualClip : 0,
  };
}
