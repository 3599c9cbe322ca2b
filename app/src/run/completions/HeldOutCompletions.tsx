/** The completions of held-out problems, before and after, with what changed marked. */
import { useState } from 'preact/hooks';
import { navigate } from '../../shell/navigation.ts';
import { Button } from '../../ui/Button.tsx';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { Panel } from '../../ui/Panel.tsx';
import { AnswerPair } from '../heldOut/AnswerPair.tsx';
import { FlipFilter, filtered, problemFilter } from '../heldOut/FlipFilter.tsx';
import { HeldOutPair, type Pair } from '../heldOut/HeldOutPair.tsx';
import type { RunTabProps } from '../tabProps.ts';

/** Problems that are shown at once. */
const PAGE = 25;

export function HeldOutCompletions({ run, route }: RunTabProps) {
  const filter = problemFilter(route.view);
  return (
    <HeldOutPair run={run} route={route}>
      {(pair) => (
        <>
          <FlipFilter
            problems={pair.problems}
            filter={filter}
            onChange={(view) => navigate({ ...route, view: { ...route.view, ...view } }, { replace: true })}
          />
          <Pairs
            key={`${filter.flip} ${filter.search}`}
            pair={{ ...pair, problems: filtered(pair.problems, filter) }}
          />
        </>
      )}
    </HeldOutPair>
  );
}

function Pairs({ pair: { problems, before, after } }: { readonly pair: Pair }) {
  const [count, setCount] = useState(PAGE);
  if (problems.length === 0) return <EmptyState title="No problem matches the filter." />;
  const rest = problems.length - count;
  return (
    <Panel title={`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`} flush>
      {problems.slice(0, count).map((problem) => (
        <AnswerPair key={problem.index} problem={problem} before={before} after={after} />
      ))}
      {rest > 0 && (
        <p class="more">
          <Button onClick={() => setCount(count + PAGE)}>Show {Math.min(PAGE, rest)} more</Button>
        </p>
      )}
    </Panel>
  );
}
