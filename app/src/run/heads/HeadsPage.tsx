/** The page Heads: where every head of a checkpoint looks, on any text. */
import { useMemo, useState } from 'preact/hooks';
import { Resource } from '../../data/resource.ts';
import type { RunData } from '../../data/runData.ts';
import { navigate } from '../../shell/navigation.ts';
import { EmptyState, Loading } from '../../ui/EmptyState.tsx';
import { FailureNotice } from '../../ui/FailureNotice.tsx';
import { SelectField, SliderField, SwitchField, TextField } from '../../ui/fields.tsx';
import { Panel } from '../../ui/Panel.tsx';
import type { RunTabProps } from '../tabProps.ts';
import { type KeptCheckpoint, keptCheckpoints } from './checkpoints.ts';
import { HeadsView } from './HeadsView.tsx';
import './heads.css';
import { useAttention } from './useAttention.ts';

type Shown = 'attention' | 'change';

export function HeadsPage({ run, route }: RunTabProps) {
  const manifest = useMemo(
    () => new Resource(() => run.json('checkpoints/manifest.json').catch(() => null)),
    [run],
  );
  const example = useMemo(() => new Resource(() => firstProblem(run)), [run]);
  const files = run.files.value;
  if (files.state === 'failed') return <FailureNotice error={files.error} />;
  if (files.state === 'loading' || manifest.value.state === 'loading' || example.value.state === 'loading') {
    return <Loading />;
  }
  const checkpoints = keptCheckpoints(files.value, manifest.ready);
  if (checkpoints.length === 0) {
    return (
      <EmptyState title="This run has no checkpoint here.">
        <p>Checkpoints are saved at the start, every --save_interval steps, and at the end.</p>
      </EmptyState>
    );
  }
  return <Heads run={run} route={route} checkpoints={checkpoints} example={example.ready ?? '1+2'} />;
}

interface HeadsProps extends RunTabProps {
  readonly checkpoints: readonly KeptCheckpoint[];
  readonly example: string;
}

function Heads({ run, route, checkpoints, example }: HeadsProps) {
  const { checkpoint: named, text = example, shown: mode, answer } = route.view;
  const last = checkpoints.length - 1;
  const found = checkpoints.findIndex(({ name }) => name === named);
  const index = found < 0 ? last : found;
  const [draft, setDraft] = useState(text);
  const checkpoint = checkpoints[index];
  const [first] = checkpoints;
  const shown: Shown = mode === 'change' && index > 0 ? 'change' : 'attention';
  const withAnswer = answer !== 'no';
  const change = (view: Readonly<Record<string, string>>): void =>
    navigate({ ...route, view: { ...route.view, ...view } }, { replace: true });
  const before = shown === 'change' ? first : undefined;
  const wish = checkpoint && { checkpoint, before, text, withAnswer };
  const { value: result, error, busy } = useAttention(run, wish);
  return (
    <>
      <Panel>
        <div class="heads-settings">
          <SliderField
            label="Checkpoint"
            min={0}
            max={Math.max(1, last)}
            step={1}
            value={index}
            disabled={last === 0}
            format={(at) => checkpoints[at]?.label ?? ''}
            onInput={(at) => change({ checkpoint: checkpoints[at]?.name ?? '' })}
          />
          <TextField
            label="Problem or text"
            mono
            value={draft}
            onInput={(value) => {
              setDraft(value);
              change({ text: value });
            }}
            help="A problem of the task, or any text in its tokens."
          />
          <SelectField<Shown>
            label="Colours show"
            value={shown}
            choices={[
              { value: 'attention', label: 'attention' },
              { value: 'change', label: `change since ${first?.label ?? 'the start'}` },
            ]}
            disabled={index === 0}
            onInput={(value) => change({ shown: value })}
          />
          <SwitchField
            label="With the model’s answer"
            value={withAnswer}
            onInput={(on) => change({ answer: on ? '' : 'no' })}
          />
        </div>
      </Panel>
      {error !== undefined && <FailureNotice error={error} />}
      {result && <HeadsView result={result} busy={busy} route={route} />}
      {!result && error === undefined && <Loading label="Computing" />}
    </>
  );
}

/** Read the first held-out problem of a run. */
async function firstProblem(run: RunData): Promise<string | undefined> {
  const [row] = (await run.lines('evaluation.jsonl').catch(() => undefined)) ?? [];
  return typeof row === 'object' && row !== null && 'expression' in row && typeof row.expression === 'string'
    ? row.expression.trim()
    : undefined;
}
