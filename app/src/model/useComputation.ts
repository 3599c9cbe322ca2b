/** A value that takes time to compute, and is computed again when its inputs change. */
import { type Inputs, useEffect, useState } from 'preact/hooks';

/** The last value stays until the next one is there. */
export interface Computation<Value> {
  readonly value: Value | undefined;
  readonly error: unknown;
  readonly busy: boolean;
}

/** Wait for the typing or the slider to pause, in milliseconds. */
const PAUSE = 150;

/** Compute a value; undefined instead of a function computes nothing. */
export function useComputation<Value>(
  compute: (() => Promise<Value>) | undefined,
  inputs: Inputs,
): Computation<Value> {
  const [state, setState] = useState<Computation<Value>>({ value: undefined, error: undefined, busy: true });
  useEffect(() => {
    if (!compute) return;
    let isCurrent = true;
    setState((last) => ({ ...last, busy: true }));
    const timer = setTimeout(async () => {
      try {
        const value = await compute();
        if (isCurrent) setState({ value, error: undefined, busy: false });
      } catch (error) {
        if (isCurrent) setState({ value: undefined, error, busy: false });
      }
    }, PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, inputs);
  return state;
}
