/** The latest figures of a run. */
import type { Improvement } from 'mathformer/training';
import type { Columns } from '../../data/columns.ts';
import type { RunData } from '../../data/runData.ts';
import {
  formatNumber,
  formatP,
  formatPercentInterval,
  formatSeconds,
  formatSigned,
} from '../../ui/format.ts';
import { Stat, Stats } from '../../ui/Stat.tsx';
import { secondsLeft, tokensPerSecond } from './progress.ts';

export function Figures({ run }: { readonly run: RunData }) {
  const listing = run.listing.value;
  const { phases } = run.metrics.value;
  const [grpo, pretrain] = [phases.get('grpo'), phases.get('pretrain')];
  const columns = grpo ?? pretrain;
  if (!columns) return null;
  const left = listing?.state === 'training' ? secondsLeft(columns, listing.steps) : null;
  const accuracy = listing?.final ?? listing?.baseline ?? null;
  return (
    <Stats>
      <Stat
        label={grpo ? 'GRPO step' : 'Pretraining step'}
        value={formatNumber(columns.latest('step'), 9)}
        unit={listing?.steps ? `of ${listing.steps.toLocaleString('en')}` : undefined}
        note={left === null ? undefined : `${formatSeconds(left)} left`}
        testid="step"
      />
      {grpo ? (
        <GrpoFigures columns={grpo} />
      ) : (
        <Latest label="Loss" columns={columns} name="loss" unit="nats" />
      )}
      <Stat
        label={listing?.final ? 'Final accuracy' : 'Baseline accuracy'}
        value={accuracy && (100 * accuracy.accuracy).toFixed(1)}
        unit="%"
        note={accuracy && formatPercentInterval(accuracy.low, accuracy.high)}
        testid="accuracy"
      />
      {listing?.improvement && <Gain improvement={listing.improvement} />}
      <Stat label="Speed" value={formatNumber(tokensPerSecond(columns, run.summary.ready))} unit="tokens/s" />
    </Stats>
  );
}

function GrpoFigures({ columns }: { readonly columns: Columns }) {
  return (
    <>
      <Latest label="Reward" columns={columns} name="reward" testid="reward" />
      <Latest label="KL" columns={columns} name="kl" unit="nats" />
      <Latest label="Entropy" columns={columns} name="entropy" unit="nats" />
    </>
  );
}

interface LatestProps {
  readonly label: string;
  readonly columns: Columns;
  readonly name: string;
  readonly unit?: string;
  readonly testid?: string;
}

/** The latest value of a metric, and its first one; or the last step at which it was measured. */
function Latest({ label, columns, name, unit, testid }: LatestProps) {
  const values = columns.get(name) ?? new Float64Array();
  const last = values.findLastIndex((value) => !Number.isNaN(value));
  if (last < 0) return <Stat label={label} value={null} note="not measured" testid={testid} />;
  const isOld = last < columns.length - 1;
  const note = isOld ? `at step ${columns.get('step')?.[last]}` : `from ${formatNumber(values[0])}`;
  return (
    <Stat
      label={label}
      value={formatNumber(values[last])}
      unit={unit}
      note={columns.length > 1 ? note : undefined}
      testid={testid}
    />
  );
}

/** The final accuracy less the baseline, on the same problems. */
function Gain({ improvement }: { readonly improvement: Improvement }) {
  const { difference, low, high, mcnemarP } = improvement;
  const points = (share: number): string => formatSigned(100 * share, (value) => formatFixed(value));
  return (
    <Stat
      label="Baseline → final"
      value={points(difference)}
      unit="points"
      note={
        <span title="95 % interval of the paired difference; p of McNemar’s exact test">
          {points(low)} to {points(high)}, {formatP(mcnemarP)}
        </span>
      }
    />
  );
}

const formatFixed = (value: number): string => value.toFixed(1).replace('-', '−');
