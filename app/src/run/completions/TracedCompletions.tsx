/** The completions that a step learnt from, of its traced groups. */
import type { StepTrace } from 'mathformer/training';
import { navigate } from '../../shell/navigation.ts';
import { EmptyState } from '../../ui/EmptyState.tsx';
import { SelectField, TextField } from '../../ui/fields.tsx';
import { visibleText } from '../../ui/visibleText.ts';
import type { RunTabProps } from '../tabProps.ts';
import { TracedStep } from '../traced/TracedStep.tsx';
import { StepSamples } from './StepSamples.tsx';
import { TracedGroupView } from './TracedGroupView.tsx';
import { MEASURE_ROWS, MEASURES, type Measure } from './tokenMeasures.ts';

export function TracedCompletions({ run, route }: RunTabProps) {
  const { view } = route;
  const measure = MEASURES.find((known) => known === view.colour) ?? 'push';
  const search = view.search ?? '';
  const change = (changes: Readonly<Record<string, string>>): void =>
    navigate({ ...route, view: { ...view, ...changes } }, { replace: true });
  const colours = (
    <>
      <SelectField<Measure>
        label="Colour of tokens"
        value={measure}
        choices={MEASURES.map((value) => ({ value, label: MEASURE_ROWS[value].label }))}
        onInput={(colour) => change({ colour })}
      />
      <TextField label="Text in completions" value={search} onInput={(text) => change({ search: text })} />
    </>
  );
  return (
    <TracedStep run={run} route={route} tools={colours} fallback={<StepSamples run={run} route={route} />}>
      {(trace) => (
        <Group
          trace={trace}
          asked={view.group ?? ''}
          {...{ measure, search }}
          onGroup={(group) => change({ group })}
        />
      )}
    </TracedStep>
  );
}

interface GroupProps {
  readonly trace: StepTrace;
  /** The number of the group, from 1, as the address has it. */
  readonly asked: string;
  readonly measure: Measure;
  readonly search: string;
  readonly onGroup: (group: string) => void;
}

function Group({ trace, asked, measure, search, onGroup }: GroupProps) {
  const index = Math.min(Math.max(0, Math.trunc(Number(asked) || 1) - 1), trace.groups.length - 1);
  const group = trace.groups[index];
  if (!group) {
    return (
      <EmptyState title={`The trace of step ${trace.step} has no group with its completions.`}>
        <p>
          Begin a run with <code>--trace_groups 4</code> to keep four groups token by token.
        </p>
      </EmptyState>
    );
  }
  const choices = trace.groups.map(({ expression, completions }, i) => {
    const right = completions.filter(({ correct }) => correct).length;
    const label = `${i + 1}: ${visibleText(expression.trim())} (${right} of ${completions.length} right)`;
    return { value: String(i + 1), label };
  });
  return (
    <>
      {choices.length > 1 && (
        <div class="group-choice">
          <SelectField label="Traced group" value={String(index + 1)} choices={choices} onInput={onGroup} />
        </div>
      )}
      <TracedGroupView key={`${trace.step} ${index}`} {...{ trace, group, measure, search }} />
    </>
  );
}
