/** All components at once, for development. */
import { useState } from 'preact/hooks';
import { ChartGroup } from '../charts/chartGroup.ts';
import { LineChart } from '../charts/LineChart.tsx';
import type { ChartSeries } from '../charts/series.ts';
import { seriesStyle } from '../charts/seriesStyle.ts';
import { Badge, StateBadge } from '../ui/Badge.tsx';
import { Button, IconButton, LinkButton } from '../ui/Button.tsx';
import { Code } from '../ui/Code.tsx';
import type { Column, Sort } from '../ui/columns.ts';
import { Details } from '../ui/Details.tsx';
import { Dialog } from '../ui/Dialog.tsx';
import { EmptyState, Loading } from '../ui/EmptyState.tsx';
import { NumberField, SelectField, SliderField, SwitchField, TextField } from '../ui/fields.tsx';
import { Notice } from '../ui/Notice.tsx';
import { Panel } from '../ui/Panel.tsx';
import { Stat, Stats } from '../ui/Stat.tsx';
import { StepSlider } from '../ui/StepSlider.tsx';
import { Table } from '../ui/Table.tsx';
import { Tabs } from '../ui/Tabs.tsx';
import { VirtualTable } from '../ui/VirtualTable.tsx';
import { PageTitle } from './PageTitle.tsx';

interface Row {
  readonly id: number;
  readonly name: string;
  readonly reward: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { key: 'id', header: 'Row', numeric: true, cell: ({ id }) => id, sortValue: ({ id }) => id },
  {
    key: 'name',
    header: 'Completion',
    rowHeader: true,
    cell: ({ name }) => <code>{name}</code>,
    sortValue: ({ name }) => name,
  },
  {
    key: 'reward',
    header: 'Reward',
    numeric: true,
    cell: ({ reward }) => reward.toFixed(3),
    sortValue: ({ reward }) => reward,
  },
];

const rowsOf = (count: number): readonly Row[] =>
  Array.from({ length: count }, (_, id) => ({
    id,
    name: `${id}+${id % 7}=${id + (id % 7)}`,
    reward: (Math.sin(id) + 1) / 2,
  }));

const FEW = rowsOf(5);
const MANY = rowsOf(20_000);

export function GalleryPage() {
  return (
    <div class="stack">
      <PageTitle title="Gallery" />
      <div class="columns">
        <Buttons />
        <Fields />
        <Figures />
        <Messages />
        <Tables />
        <Rest />
        <Charts />
      </div>
    </div>
  );
}

function Buttons() {
  const [pressed, setPressed] = useState(true);
  return (
    <Panel title="Buttons" actions={<IconButton icon="download" label="Download" small />}>
      <div class="stack">
        <div class="row">
          <Button kind="primary" icon="play">
            Start
          </Button>
          <Button icon="pause">Pause</Button>
          <Button kind="quiet" icon="step">
            Step
          </Button>
          <Button kind="danger" icon="reset">
            Reset
          </Button>
        </div>
        <div class="row">
          <Button kind="primary" disabled>
            Start
          </Button>
          <Button disabled>Pause</Button>
          <Button kind="quiet" disabled>
            Step
          </Button>
          <Button busy>Saving</Button>
        </div>
        <div class="row">
          <Button small pressed={pressed} onClick={() => setPressed(!pressed)}>
            Log scale
          </Button>
          <Button small icon="table">
            Table
          </Button>
          <LinkButton small href="#/lab" icon="link">
            Link
          </LinkButton>
          <IconButton icon="close" label="Close" />
          <IconButton icon="settings" label="Settings" kind="plain" />
        </div>
      </div>
    </Panel>
  );
}

function Fields() {
  const [text, setText] = useState('3+4');
  const [number, setNumber] = useState<number | null>(3e-4);
  const [choice, setChoice] = useState<'grpo' | 'dr_grpo'>('grpo');
  const [on, setOn] = useState(true);
  const [temperature, setTemperature] = useState(1);
  return (
    <Panel title="Fields">
      <div class="stack">
        <TextField
          label="Expression"
          mono
          value={text}
          onInput={setText}
          help="Digits, +, − and parentheses."
        />
        <NumberField label="lr" value={number} onInput={setNumber} min={0} max={1} help="Learning rate." />
        <TextField label="Name" value="" onInput={setText} placeholder="none" error="give a name" />
        <SelectField
          label="Loss"
          value={choice}
          choices={[
            { value: 'grpo', label: 'GRPO' },
            { value: 'dr_grpo', label: 'Dr. GRPO' },
          ]}
          onInput={setChoice}
        />
        <SwitchField
          label="Scale rewards"
          value={on}
          onInput={setOn}
          help="Divide by the group’s deviation."
        />
        <SliderField
          label="Temperature"
          value={temperature}
          min={0}
          max={2}
          step={0.1}
          format={(value) => value.toFixed(1)}
          onInput={setTemperature}
        />
        <TextField label="Disabled" value="no" onInput={setText} disabled />
      </div>
    </Panel>
  );
}

function Figures() {
  const [step, setStep] = useState(40);
  return (
    <Panel title="Figures and states" note="Figures have intervals; states have shapes.">
      <div class="stack">
        <Stats>
          <Stat label="Reward" value="0.622" note="up 0.18" />
          <Stat label="Accuracy" value="62.2" unit="%" note="59.2 – 65.2" />
          <Stat label="KL" value={null} />
        </Stats>
        <div class="row">
          {(['idle', 'training', 'paused', 'finished', 'stopped', 'failed', 'unreadable'] as const).map(
            (state) => (
              <StateBadge key={state} state={state} />
            ),
          )}
        </div>
        <div class="row">
          {(['neutral', 'good', 'warning', 'bad', 'info', 'signal'] as const).map((tone) => (
            <Badge key={tone} tone={tone}>
              {tone}
            </Badge>
          ))}
        </div>
        <StepSlider steps={[0, 10, 20, 30, 40, 50]} value={step} onChange={setStep} />
        <Tabs
          label="Example"
          tabs={[
            { label: 'Overview', href: '#/gallery', current: true },
            { label: 'Groups', href: '#/gallery', current: false, count: 12 },
          ]}
        />
      </div>
    </Panel>
  );
}

function Messages() {
  const [open, setOpen] = useState(false);
  return (
    <Panel title="Messages">
      <div class="stack">
        <Notice
          kind="info"
          title="This browser trains with WebAssembly."
          fix="WebGPU is faster: use Chrome or Edge."
        />
        <Notice kind="warning" title="The entropy fell from 0.9 to 0.05 nats." fix="lower --lr" />
        <Notice
          kind="error"
          title="No space is left."
          fix="Remove runs of this browser, then start again."
          actions={<Button small>Runs</Button>}
        />
        <Button onClick={() => setOpen(true)}>Open a dialog</Button>
        {open && (
          <Dialog
            title="Remove the run?"
            onClose={() => setOpen(false)}
            actions={
              <>
                <Button onClick={() => setOpen(false)}>Keep</Button>
                <Button kind="danger" onClick={() => setOpen(false)}>
                  Remove
                </Button>
              </>
            }
          >
            <p>Its checkpoints are removed, too.</p>
          </Dialog>
        )}
      </div>
    </Panel>
  );
}

function Tables() {
  const [sort, setSort] = useState<Sort>({ key: 'id', descending: false });
  const [selected, setSelected] = useState(2);
  const props = {
    columns: COLUMNS,
    rowKey: ({ id }: Row) => id,
    sort,
    onSort: setSort,
    onSelect: ({ id }: Row) => setSelected(id),
    isSelected: ({ id }: Row) => id === selected,
  };
  return (
    <Panel title="Tables" flush>
      <Table label="Five rows" rows={FEW} {...props} />
      <VirtualTable label="Many rows" rows={MANY} height="16rem" {...props} />
    </Panel>
  );
}

function Rest() {
  return (
    <Panel title="Code, details, empty">
      <div class="stack">
        <Code
          label="Example"
          text={"import { trainGrpo } from 'mathformer/training';\n\nawait trainGrpo({ steps: 90 });"}
        />
        <Details summary="More options" open>
          <p>They are here.</p>
        </Details>
        <EmptyState title="No traces yet." actions={<Button small>Learn more</Button>}>
          <p>Train with --trace_groups 4 to see groups token by token.</p>
        </EmptyState>
        <Loading />
      </div>
    </Panel>
  );
}

const STEPS = Float64Array.from({ length: 2000 }, (_, i) => i + 1);
const SERIES: readonly ChartSeries[] = Array.from({ length: 8 }, (_, i) => ({
  key: String(i),
  label: `seed ${i}`,
  style: seriesStyle(i),
  x: STEPS,
  y: STEPS.map((x) => 1 - Math.exp(-x / (400 + 200 * i)) + 0.1 * Math.sin(x * (i + 7) * 12.9898)),
}));
const EVALUATIONS: ChartSeries = {
  key: 'accuracy',
  label: 'accuracy',
  style: seriesStyle(2),
  x: Float64Array.of(0, 500, 1000, 1500, 2000),
  y: Float64Array.of(0.44, 0.5, 0.58, 0.6, 0.62),
  interval: {
    low: Float64Array.of(0.41, 0.47, 0.55, 0.57, 0.59),
    high: Float64Array.of(0.47, 0.53, 0.61, 0.63, 0.65),
  },
  sparse: true,
};

function Charts() {
  const [group] = useState(() => new ChartGroup());
  return (
    <>
      <LineChart
        title="Reward"
        series={SERIES}
        group={group}
        smoothing={0.95}
        help="Eight series, smoothed."
      />
      <LineChart title="Accuracy" share series={[EVALUATIONS]} group={group} />
      <LineChart
        title="Entropy"
        unit="nats"
        series={SERIES.slice(0, 1)}
        group={group}
        marks={[{ x: 700, label: 'entropy collapse' }]}
      />
    </>
  );
}
