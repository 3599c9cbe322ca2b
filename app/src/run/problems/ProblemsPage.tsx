/** The page Problems of a run: held-out problems before and after, and which answers turned right or wrong. */
import { accuracyOf, isCorrect } from 'mathformer/training';
import { useMemo } from 'preact/hooks';
import { navigate } from '../../shell/navigation.ts';
import { EmptyState } from '../../ui/EmptyState.tsx';
import {
  formatP,
  formatPercent,
  formatPercentInterval,
  formatPoints,
  formatPointsInterval,
} from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { Stat, Stats } from '../../ui/Stat.tsx';
import { FlipFilter, filtered, problemFilter } from '../heldOut/FlipFilter.tsx';
import { HeldOutPair, type Pair } from '../heldOut/HeldOutPair.tsx';
import type { RunTabProps } from '../tabProps.ts';
import { comparison, flipCounts } from './flips.ts';
import { KindTables } from './KindTables.tsx';
import { ProblemTable } from './ProblemTable.tsx';
import './problems.css';

export function ProblemsPage({ run, route }: RunTabProps) {
  return (
    <HeldOutPair run={run} route={route}>
      {(pair) =>
        pair.problems.length === 0 ? (
          <EmptyState title="The two evaluations have no problem in common." />
        ) : (
          <>
            <Result pair={pair} />
            <KindTables run={run} problems={pair.problems} />
            <Chosen run={run} route={route} pair={pair} />
          </>
        )
      }
    </HeldOutPair>
  );
}

/** The accuracies, their difference, and the test on the problems that only one side solved. */
function Result({ pair: { problems, before, after } }: { readonly pair: Pair }) {
  const result = useMemo(() => comparison(problems), [problems]);
  const counts = flipCounts(problems);
  if (!result) return null;
  const { difference, low, high, mcnemarP } = result;
  return (
    <Stats>
      <Accuracy
        label={`Accuracy, ${before}`}
        verdicts={problems.map((problem) => isCorrect(problem.before))}
      />
      <Accuracy label={`Accuracy, ${after}`} verdicts={problems.map((problem) => isCorrect(problem.after))} />
      <Stat
        label="Difference"
        value={formatPoints(difference)}
        unit="points"
        note={`95 % interval ${formatPointsInterval(low, high)}`}
      />
      <Stat label="Turned right" value={String(counts['to right'])} note={`only ${after} solves them`} />
      <Stat label="Turned wrong" value={String(counts['to wrong'])} note={`only ${before} solves them`} />
      <Stat label="McNemar’s exact test" value={formatP(mcnemarP)} note="were both equally good" />
    </Stats>
  );
}

function Accuracy({ label, verdicts }: { readonly label: string; readonly verdicts: readonly boolean[] }) {
  const { accuracy, correct, total, low, high } = accuracyOf(verdicts);
  return (
    <Stat
      label={label}
      value={formatPercent(accuracy)}
      note={`${correct} of ${total}; ${formatPercentInterval(low, high)}`}
    />
  );
}

function Chosen({ run, route, pair }: RunTabProps & { readonly pair: Pair }) {
  const filter = problemFilter(route.view);
  const rows = filtered(pair.problems, filter);
  const change = (view: Readonly<Record<string, string>>): void =>
    navigate({ ...route, view: { ...route.view, ...view } }, { replace: true });
  return (
    <Panel title="Problems" note="Choose a problem to read both completions." flush>
      <div class="problem-filter">
        <FlipFilter problems={pair.problems} filter={filter} onChange={change} />
      </div>
      <ProblemTable
        run={run.ref}
        pair={{ ...pair, problems: rows }}
        chosen={route.view.problem ?? ''}
        onChoose={(problem) => change({ problem })}
      />
    </Panel>
  );
}
