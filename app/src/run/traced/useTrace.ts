/** Reads the trace of the step that the address names. */
import type { StepTrace } from 'mathformer/training';
import { useEffect, useState } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { nearestIndex } from '../../ui/StepSlider.tsx';

/** The trace that is shown. While another step is read, the former one stays. */
export interface ShownTrace {
  readonly trace: StepTrace | undefined;
  readonly error: unknown;
  /** The trace is not yet that of the step. */
  readonly isReading: boolean;
}

/** Return the traced step nearest to the one that is asked for; the latest if none is; undefined without traces. */
export function shownStep(steps: readonly number[], asked: number | null): number | undefined {
  return asked === null ? steps.at(-1) : steps[nearestIndex(steps, asked)];
}

/** Read the trace of a step; nothing for undefined. */
export function useTrace(run: RunData, step: number | undefined): ShownTrace {
  const [read, setRead] = useState<{
    readonly run: RunData;
    readonly step: number;
    readonly result: Result;
  }>();
  useEffect(() => {
    if (step === undefined) return;
    let isCurrent = true;
    const keep = (result: Result): void => {
      if (isCurrent) setRead({ run, step, result });
    };
    run.trace(step).then(
      (trace) => keep({ trace, error: undefined }),
      (error: unknown) => keep({ trace: undefined, error }),
    );
    return () => {
      isCurrent = false;
    };
  }, [run, step]);
  if (read?.run !== run) return { trace: undefined, error: undefined, isReading: true };
  return { ...read.result, isReading: read.step !== step };
}

interface Result {
  readonly trace: StepTrace | undefined;
  readonly error: unknown;
}
