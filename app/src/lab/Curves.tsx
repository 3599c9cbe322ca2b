/** The curves of the run: reward, or the loss while it imitates, and accuracy with its interval. */
import { useMemo, useState } from 'preact/hooks';
import { ChartGroup } from '../charts/chartGroup.ts';
import { LineChart } from '../charts/LineChart.tsx';
import { seriesStyle } from '../charts/seriesStyle.ts';
import type { RunData } from '../data/runData.ts';
import { accuracyPoints, accuracySeries } from '../run/overview/chartSeries.ts';
import { useRuns } from '../shell/openRuns.ts';
import { formatRoute, type RunRef, runRoute } from '../shell/routes.ts';
import { EmptyState } from '../ui/EmptyState.tsx';
import { Panel } from '../ui/Panel.tsx';
import { lab } from './labRun.ts';

export function Curves() {
  const id = lab.keptId.value;
  const refs = useMemo((): readonly RunRef[] => (id === undefined ? [] : [{ source: 'tab', id }]), [id]);
  const [run] = useRuns(refs);
  const [ref] = refs;
  return (
    <Panel
      title="Curves"
      actions={
        ref && (
          <a class="more" href={formatRoute(runRoute(ref))}>
            All curves, groups and tokens
          </a>
        )
      }
    >
      {run ? <RunCurves run={run} /> : <Nothing />}
    </Panel>
  );
}

function Nothing() {
  return (
    <EmptyState title="Reward and accuracy">
      <p>The curves begin with the first step.</p>
    </EmptyState>
  );
}

function RunCurves({ run }: { readonly run: RunData }) {
  const [group] = useState(() => new ChartGroup());
  const metrics = run.metrics.value;
  const listing = run.listing.value;
  const phase = metrics.phases.has('grpo') ? 'grpo' : 'pretrain';
  const columns = metrics.phases.get(phase);
  const baseline = lab.baseline.value ?? listing?.baseline ?? null;
  const name = phase === 'grpo' ? 'reward' : 'loss';
  const series = useMemo(() => {
    const [x, y] = [columns?.get('step'), columns?.get(name)];
    return x && y ? [{ key: name, label: name, style: seriesStyle(0), x, y }] : [];
  }, [metrics, name]);
  const accuracy = useMemo(() => {
    if (!columns || phase !== 'grpo') return [];
    const known = { baseline, final: listing?.final ?? null, total: baseline?.total ?? null };
    return accuracySeries('accuracy', 'accuracy', 1, accuracyPoints(columns, known)) ?? [];
  }, [metrics, listing, baseline]);
  if (series.length === 0) return <Nothing />;
  return (
    <div class="curves">
      <LineChart
        title={phase === 'grpo' ? 'Mean reward' : 'Loss'}
        series={series}
        group={group}
        smoothing={0.6}
      />
      {[accuracy].flat().length > 0 && (
        <LineChart
          title="Accuracy"
          help="On held-out problems, with 95 % intervals."
          share
          series={[accuracy].flat()}
          group={group}
        />
      )}
    </div>
  );
}
