/** The page Clip of a run: the ratio and the advantage of each traced token, and the region that the loss clips. */
import type { StepTrace } from 'mathformer/training';
import { useMemo } from 'preact/hooks';
import type { RunData } from '../../data/runData.ts';
import { navigate } from '../../shell/navigation.ts';
import { IconButton } from '../../ui/Button.tsx';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { formatPercent } from '../../ui/format.ts';
import { Notice } from '../../ui/Notice.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { Stat, Stats } from '../../ui/Stat.tsx';
import { isSequenceLoss } from '../completions/tokenMeasures.ts';
import type { RunTabProps } from '../tabProps.ts';
import { grpoFacts } from '../traced/grpoFacts.ts';
import { TracedStep } from '../traced/TracedStep.tsx';
import { ClipPlot } from './ClipPlot.tsx';
import './clip.css';
import { ClipTable } from './ClipTable.tsx';
import { type ClipPoint, clipPoints, clippedRegions, clippedShares } from './clipPoints.ts';

/** Log-ratios that are smaller come from rounding: sampler and trainer compute in another order. */
const ROUNDING = 1e-4;

export function ClipPage({ run, route }: RunTabProps) {
  return (
    <TracedStep run={run} route={route}>
      {(trace) => <Clip run={run} route={route} trace={trace} />}
    </TracedStep>
  );
}

function Clip({ run, route, trace }: RunTabProps & { readonly trace: StepTrace }) {
  const { dualClip } = grpoFacts(run.config.ready);
  const points = useMemo(() => clipPoints(trace), [trace]);
  const regions = useMemo(() => clippedRegions(trace, dualClip), [trace, dualClip]);
  const isTable = route.view.show === 'table';
  if (points.length === 0) {
    return <EmptyState title={`The trace of step ${trace.step} has no token that the step learnt from.`} />;
  }
  const isOnPolicy = points.every(({ logRatio }) => Math.abs(logRatio) < ROUNDING);
  return (
    <>
      <Shares run={run} trace={trace} points={points} />
      {isOnPolicy && (
        <Notice
          kind="info"
          title="All ratios are 1: these tokens are learnt from before any optimiser step has moved the policy."
          fix="A trace keeps the first optimiser step on each completion; the figures of the whole step have all of them. With --mini_batches 2 the second half of the groups begins from a moved policy."
        />
      )}
      <Panel
        title={`Loss ${trace.loss}, step ${trace.step}`}
        note={<Explanation loss={trace.loss} />}
        actions={
          <IconButton
            icon="table"
            label="Table of values"
            pressed={isTable}
            onClick={() =>
              navigate({ ...route, view: { ...route.view, show: isTable ? '' : 'table' } }, { replace: true })
            }
          />
        }
      >
        {isTable ? (
          <ClipTable trace={trace} points={points} />
        ) : (
          <ClipPlot trace={trace} points={points} regions={regions} />
        )}
      </Panel>
    </>
  );
}

function Explanation({ loss }: { readonly loss: string }) {
  const subject = isSequenceLoss(loss)
    ? 'A point is a completion; r is the geometric mean of its tokens’ ratios.'
    : 'A point is a token.';
  const effect =
    loss === 'cispo'
      ? 'In the hatched region the weight of a token is capped; it keeps its gradient.'
      : 'In the hatched region a token has no gradient: crosses are clipped, discs are not.';
  return (
    <>
      {subject} {effect} The bars count points, on a logarithmic scale.
    </>
  );
}

interface SharesProps {
  readonly run: RunData;
  readonly trace: StepTrace;
  readonly points: readonly ClipPoint[];
}

/** The clipped shares of the traced tokens, beside those of all tokens of the step. */
function Shares({ run, trace, points }: SharesProps) {
  const shares = clippedShares(points);
  const columns = run.metrics.value.phases.get('grpo');
  const row = columns?.get('step')?.indexOf(trace.step) ?? -1;
  const metric = (name: string): string => {
    const value = row < 0 ? undefined : columns?.get(name)?.[row];
    return `whole step, all updates: ${formatPercent(value)}`;
  };
  return (
    <Stats>
      <Stat
        label={isSequenceLoss(trace.loss) ? 'Completions' : 'Tokens'}
        value={points.length.toLocaleString('en')}
        note="in the trace"
      />
      <Stat label="Clipped low" value={formatPercent(shares.low)} note={metric('clip_ratio/low_mean')} />
      <Stat label="Clipped high" value={formatPercent(shares.high)} note={metric('clip_ratio/high_mean')} />
      <Stat
        label="Range of r"
        value={`${shortBound(Math.max(0, 1 - trace.clipRatio))} – ${shortBound(1 + trace.clipRatioHigh)}`}
        note="1 − ε_low to 1 + ε_high"
      />
    </Stats>
  );
}

/** Write a bound without the digits that stem from rounding. */
const shortBound = (bound: number): string => String(Number(bound.toPrecision(6)));
