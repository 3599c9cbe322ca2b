/** The frame of pages about held-out problems: the two evaluations to compare, and what stands in for answers that are not there. */
import { completionsOf } from 'mathformer/training';
import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import type { KeptEvaluation } from '../../data/keptEvaluations.ts';
import type { RunData } from '../../data/runData.ts';
import { useFile } from '../../data/useFile.ts';
import { navigate } from '../../shell/navigation.ts';
import type { RunRoute } from '../../shell/routes.ts';
import { EmptyState, Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SelectField } from '../../ui/fields.tsx';
import { Notice } from '../../ui/Notice.tsx';
import { type PairedProblem, paired } from '../problems/flips.ts';
import '../traced/traced.css';

/** Two evaluations and the problems that both have answered. */
export interface Pair {
  readonly problems: readonly PairedProblem[];
  /** Names of the evaluations for people, such as `start` and `step 20`. */
  readonly before: string;
  readonly after: string;
}

export interface HeldOutPairProps {
  readonly run: RunData;
  readonly route: RunRoute;
  /** Fields beside the choice. */
  readonly tools?: ComponentChildren;
  readonly children: (pair: Pair) => ComponentChildren;
}

/** Name an evaluation for people. */
export function evaluationLabel({ name, step }: KeptEvaluation): string {
  if (step !== null) return `step ${step}`;
  return name === 'baseline' ? 'start' : 'end';
}

const rowsOf = (bytes: Uint8Array) => completionsOf(bytes).rows;

export function HeldOutPair({ run, route, tools, children }: HeldOutPairProps) {
  const evaluations = run.evaluations.value;
  const first = evaluations.find(({ name }) => name === route.view.from) ?? evaluations[0];
  const last = evaluations.find(({ name }) => name === route.view.to) ?? evaluations.at(-1);
  const before = useFile(run, first?.file, rowsOf);
  const after = useFile(run, last?.file, rowsOf);
  const rows =
    before.state === 'ready' && after.state === 'ready' ? [before.value ?? [], after.value ?? []] : [];
  const problems = useMemo(() => paired(rows[0] ?? [], rows[1] ?? []), [rows[0], rows[1]]);
  if (!first || !last) return run.files.value.state === 'loading' ? <Loading /> : <NoAnswers />;
  const choose = (end: 'from' | 'to') => (name: string) =>
    navigate({ ...route, view: { ...route.view, [end]: name } }, { replace: true });
  const choices = evaluations.map((each) => ({ value: each.name, label: evaluationLabel(each) }));
  return (
    <>
      <div class="traced-tools">
        <SelectField
          label="Compare answers of"
          value={first.name}
          choices={choices}
          onInput={choose('from')}
        />
        <SelectField label="with those of" value={last.name} choices={choices} onInput={choose('to')} />
        {tools}
      </div>
      {[before, after].map(
        (file, i) =>
          file.state === 'failed' && <FailureNotice key={i === 0 ? 'before' : 'after'} error={file.error} />,
      )}
      {first === last && (
        <Notice
          kind="info"
          title={`Both sides are the answers of ${evaluationLabel(first)}.`}
          fix={
            evaluations.length === 1
              ? 'The next evaluation comes after --eval_interval steps, or at the end of the run.'
              : 'Choose two evaluations to see what changed.'
          }
        />
      )}
      {rows.length === 0 ? (
        <Loading label="Reading the answers" />
      ) : (
        children({ problems, before: evaluationLabel(first), after: evaluationLabel(last) })
      )}
    </>
  );
}

function NoAnswers() {
  return (
    <EmptyState title="There are no answers to held-out problems yet.">
      <p>
        A run answers the same <code>--eval_size</code> problems at its start, after every{' '}
        <code>--eval_interval</code> steps, and at its end. The first answers come before the first step of
        GRPO.
      </p>
    </EmptyState>
  );
}
