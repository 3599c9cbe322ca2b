/** Samples of the completions that steps learnt from, which runs without traces keep, too. */
import { samplesOf } from 'mathformer/training';
import type { Loaded } from '../../data/resource.ts';
import { useFile } from '../../data/useFile.ts';
import { navigate } from '../../shell/navigation.ts';
import type { Column } from '../../ui/columns.ts';
import { Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { formatNumber, formatSigned } from '../../ui/format.ts';
import { Panel } from '../../ui/Panel.tsx';
import { StepSlider } from '../../ui/StepSlider.tsx';
import { Table } from '../../ui/Table.tsx';
import { visibleText } from '../../ui/visibleText.ts';
import type { RunTabProps } from '../tabProps.ts';
import { shownStep } from '../traced/useTrace.ts';

const FILE = /^samples_step(\d+)\.jsonl$/;

/** A sample, numbered. */
interface Sample {
  readonly index: number;
  readonly prompt: string;
  readonly completion: string;
  readonly expected: string;
  readonly answer: string | null;
  readonly reward: number;
  readonly advantage: number;
  readonly truncated: boolean;
}

export function StepSamples({ run, route }: RunTabProps) {
  const steps = (run.files.ready ?? []).flatMap(({ name }) => {
    const [, step] = FILE.exec(name) ?? [];
    return step === undefined ? [] : [Number(step)];
  });
  const ascending = steps.toSorted((a, b) => a - b);
  const step = shownStep(ascending, route.step);
  const file = useFile(run, step === undefined ? undefined : `samples_step${step}.jsonl`, numbered);
  if (step === undefined) return null;
  return (
    <Panel
      title={`Samples of step ${step}`}
      note="Some completions that the step learnt from, without their tokens."
      flush
    >
      <div class="sample-steps">
        <StepSlider
          label="Step with samples"
          steps={ascending}
          value={step}
          onChange={(to) => navigate({ ...route, step: to }, { replace: true })}
        />
      </div>
      <Samples file={file} step={step} />
    </Panel>
  );
}

const numbered = (bytes: Uint8Array): readonly Sample[] =>
  samplesOf(bytes).rows.map((row, index) => ({ ...row, index }));

const COLUMNS: readonly Column<Sample>[] = [
  {
    key: 'prompt',
    header: 'Problem',
    rowHeader: true,
    cell: ({ prompt }) => <code>{visibleText(prompt)}</code>,
  },
  {
    key: 'completion',
    header: 'Completion',
    cell: ({ completion }) => <code>{visibleText(completion)}</code>,
  },
  { key: 'answer', header: 'Answer', cell: ({ answer }) => <code>{visibleText(answer ?? '–')}</code> },
  { key: 'expected', header: 'Expected', cell: ({ expected }) => <code>{visibleText(expected)}</code> },
  { key: 'reward', header: 'Reward', numeric: true, cell: ({ reward }) => formatNumber(reward) },
  { key: 'advantage', header: 'Advantage', numeric: true, cell: ({ advantage }) => formatSigned(advantage) },
  { key: 'truncated', header: 'End', cell: ({ truncated }) => (truncated ? 'cut off' : 'complete') },
];

function Samples({
  file,
  step,
}: {
  readonly file: Loaded<readonly Sample[] | undefined>;
  readonly step: number;
}) {
  if (file.state === 'failed') return <FailureNotice error={file.error} />;
  if (file.state === 'loading') return <Loading />;
  return (
    <Table
      label={`Completions sampled in step ${step}`}
      columns={COLUMNS}
      rows={file.value ?? []}
      rowKey={({ index }) => index}
    />
  );
}
