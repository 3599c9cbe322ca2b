/** The frame of pages about one traced step: the slider, and what stands in for a trace that is not there. */
import type { StepTrace } from 'mathformer/training';
import type { ComponentChildren } from 'preact';
import type { RunData } from '../../data/runData.ts';
import { navigate } from '../../shell/navigation.ts';
import type { RunRoute } from '../../shell/routes.ts';
import { Code } from '../../ui/Code.tsx';
import { EmptyState, Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { StepSlider } from '../../ui/StepSlider.tsx';
import './traced.css';
import { shownStep, useTrace } from './useTrace.ts';

export interface TracedStepProps {
  readonly run: RunData;
  readonly route: RunRoute;
  /** Fields beside the slider. */
  readonly tools?: ComponentChildren;
  /** Stands in for a run without traces. */
  readonly fallback?: ComponentChildren;
  readonly children: (trace: StepTrace) => ComponentChildren;
}

export function TracedStep({ run, route, tools, fallback, children }: TracedStepProps) {
  const steps = run.traceSteps.value;
  const step = shownStep(steps, route.step);
  const { trace, error, isReading } = useTrace(run, step);
  if (step === undefined)
    return run.files.value.state === 'loading' ? <Loading /> : <NoTraces>{fallback}</NoTraces>;
  return (
    <>
      <div class="traced-tools">
        <StepSlider
          steps={steps}
          value={step}
          onChange={(to) => navigate({ ...route, step: to }, { replace: true })}
        />
        {tools}
      </div>
      {error !== undefined && <FailureNotice error={error} />}
      {trace ? (
        <div class="stack" aria-busy={isReading}>
          {children(trace)}
        </div>
      ) : (
        error === undefined && <Loading label={`Reading step ${step}`} />
      )}
    </>
  );
}

/** Says how a run gets traces. */
function NoTraces({ children }: { readonly children: ComponentChildren }) {
  return (
    <>
      <EmptyState title="This run has no traces.">
        <p>
          A trace keeps the rewards of all groups of a step, and some groups token by token. Runs of GRPO
          write one every few steps, unless they were begun with <code>--trace_groups 0</code> or by an older
          version.
        </p>
        <Code label="Options that write traces" text="--trace_groups 4 --trace_interval 5" />
      </EmptyState>
      {children}
    </>
  );
}
