/** Overview of a run: its figures, its curves, its warnings, and other runs beside it. */
import { useMemo, useState } from 'preact/hooks';
import { ChartGroup } from '../../charts/chartGroup.ts';
import { navigate } from '../../shell/navigation.ts';
import { useRuns } from '../../shell/openRuns.ts';
import { isSameRun } from '../../shell/routes.ts';
import { EmptyState, Loading } from '../../ui/EmptyState.tsx';
import type { RunTabProps } from '../tabProps.ts';
import { Announcer } from './Announcer.tsx';
import { Charts } from './Charts.tsx';
import { ComparedRuns } from './ComparedRuns.tsx';
import { PHASES, type Phase } from './chartSpecs.ts';
import { Figures } from './Figures.tsx';
import './overview.css';
import { Toolbar } from './Toolbar.tsx';
import { WarningList } from './WarningList.tsx';

export function OverviewPage({ run, route }: RunTabProps) {
  const others = useRuns(route.compare.filter((ref) => !isSameRun(ref, run.ref)));
  const runs = useMemo(() => [run, ...others], [run, others]);
  const [group] = useState(() => new ChartGroup());
  const { phases, complete } = run.metrics.value;
  const phase = PHASES.find(({ name }) => name === route.view.phase && phases.has(name)) ?? lastOf(phases);
  if (!phase) return complete ? <NoSteps /> : <Loading label="Reading the metrics" />;
  const smoothing = Number(route.view.smooth) || 0;
  const change = (name: string, value: string): void =>
    navigate({ ...route, view: { ...route.view, [name]: value } }, { replace: true });
  return (
    <>
      <Figures run={run} />
      <Announcer run={run} />
      <Toolbar
        run={run}
        phase={phase.name}
        phases={PHASES.filter(({ name }) => phases.has(name))}
        smoothing={smoothing}
        onPhase={(name) => {
          group.zoom.value = undefined;
          change('phase', name);
        }}
        onSmoothing={(beta) => change('smooth', beta === 0 ? '' : String(beta))}
      />
      {others.length > 0 && <ComparedRuns runs={runs} route={route} />}
      <Charts runs={runs} phase={phase} group={group} smoothing={smoothing} />
      {phase.name === 'grpo' && <WarningList run={run} />}
    </>
  );
}

const lastOf = (phases: ReadonlyMap<string, unknown>): Phase | undefined =>
  PHASES.findLast(({ name }) => phases.has(name));

function NoSteps() {
  return (
    <EmptyState title="No step is done yet.">
      <p>The curves begin with the first step.</p>
    </EmptyState>
  );
}
