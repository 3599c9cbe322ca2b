/** The page that `npm run app:bench` measures: Overview of a run of 10⁵ steps, and eight charts of them alone. */
import { type Signal, signal } from '@preact/signals';
import { listingOf, type RunFiles } from 'mathformer/training';
import { render } from 'preact';
import '../src/styles/index.css';
import { useMemo } from 'preact/hooks';
import { ChartGroup } from '../src/charts/chartGroup.ts';
import { LineChart } from '../src/charts/LineChart.tsx';
import { seriesStyle } from '../src/charts/seriesStyle.ts';
import { Columns } from '../src/data/columns.ts';
import { RunData } from '../src/data/runData.ts';
import type { RunChange, RunSource } from '../src/data/source.ts';
import { OverviewPage } from '../src/run/overview/OverviewPage.tsx';
import { runRoute } from '../src/shell/routes.ts';

const METRICS = Array.from({ length: 8 }, (_, i) => `metric${i}`);

/** Functions that the benchmark calls. Times are in milliseconds. */
export interface BenchPage {
  /** Draw eight charts of `rows` rows. @returns the time until they are painted. */
  drawCharts(rows: number): Promise<number>;
  /** Append rows, one a frame. */
  appendRows(count: number): Promise<void>;
  /** Open a run of `rows` rows in Overview. @returns the times until the first curves, and until all rows are drawn. */
  openRun(
    rows: number,
  ): Promise<{ readonly first: number; readonly all: number; readonly megabytes: number }>;
  /** Append rows to the open run, one a frame. */
  appendToRun(count: number): Promise<void>;
}

declare global {
  interface Window {
    bench: BenchPage;
  }
}

const noise = (step: number, i: number): number =>
  Math.sin(step * (i + 3) * 12.9898) * 0.2 + Math.log1p(step) / 12;

/** Wait until what was drawn is painted. */
const painted = (): Promise<void> =>
  new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));

const place = document.getElementById('app') ?? document.body;

function push(columns: Columns, step: number): void {
  columns.push({
    phase: 'grpo',
    step,
    ...Object.fromEntries(METRICS.map((name, i) => [name, noise(step, i)])),
  });
}

const rows: Signal<{ readonly columns: Columns }> = signal({ columns: new Columns() });

function EightCharts({ group }: { readonly group: ChartGroup }) {
  const now = rows.value;
  return (
    <div class="columns" style={{ '--column': '26rem' }}>
      {METRICS.map((name, i) => (
        <OneChart key={name} name={name} index={i} group={group} rows={now} />
      ))}
    </div>
  );
}

interface OneChartProps {
  readonly name: string;
  readonly index: number;
  readonly group: ChartGroup;
  readonly rows: { readonly columns: Columns };
}

function OneChart({ name, index, group, rows: { columns } }: OneChartProps) {
  const [x, y] = [columns.get('step'), columns.get(name)];
  const series = useMemo(
    () => (x && y ? [{ key: name, label: name, style: seriesStyle(index), x, y }] : []),
    [name, index, x, y],
  );
  return <LineChart title={name} series={series} group={group} smoothing={0.9} />;
}

/** Count the canvases that have been drawn on. */
const drawn = (): number => document.querySelectorAll('.uplot canvas').length;

async function untilDrawn(count: number): Promise<void> {
  while (drawn() < count) await painted();
  await painted();
}

const row = (step: number): string =>
  `${JSON.stringify({
    ...{ phase: 'grpo', step, loss: noise(step, 0), policy_loss: noise(step, 1), kl: noise(step, 2) },
    ...{ entropy: 1 + noise(step, 3), reward: noise(step, 4), reward_std: noise(step, 5) },
    ...{ frac_reward_zero_std: 0.4, 'completions/mean_length': 40 + noise(step, 6) },
    ...{ 'completions/min_length': 8, 'completions/max_length': 96, 'completions/clipped_ratio': 0.05 },
    ...{ 'clip_ratio/low_mean': 0.01, 'clip_ratio/high_mean': 0.02, 'clip_ratio/region_mean': 0.03 },
    ...{
      grad_norm: 0.2 + noise(step, 7),
      num_tokens: 28_955,
      step_time: 0.8,
      lr: 0.001,
      eval_accuracy: null,
    },
  })}\n`;

const encoder = new TextEncoder();
let send: (change: RunChange) => void = () => {};
let bytes = new Uint8Array();
let steps = 0;
/** Bytes of the metrics, with those that were appended. */
let end = 0;

const files: RunFiles = {
  list: () => [],
  read(name, from = 0) {
    if (name === 'config.json') return encoder.encode('{"kind":"grpo","options":{}}');
    return name === 'metrics.jsonl' ? bytes.subarray(from) : undefined;
  },
};

const source: RunSource = {
  name: 'bench',
  list: async () => [await listingOf('long', files, true)],
  open: () => files,
  subscribe(_id, _cursor, on) {
    send = on;
    return () => {};
  },
  watch: () => () => {},
  connection: () => () => {},
};

window.bench = {
  async drawCharts(count) {
    const columns = new Columns();
    for (let step = 1; step <= count; step++) push(columns, step);
    rows.value = { columns };
    const start = performance.now();
    render(<EightCharts group={new ChartGroup()} />, place);
    await untilDrawn(METRICS.length);
    return performance.now() - start;
  },
  async appendRows(count) {
    const { columns } = rows.value;
    for (let i = 0; i < count; i++) {
      push(columns, columns.length + 1);
      rows.value = { columns };
      await painted();
    }
  },
  async openRun(count) {
    render(null, place);
    bytes = encoder.encode(Array.from({ length: count }, (_, i) => row(i + 1)).join(''));
    steps = count;
    end = bytes.length;
    const run = new RunData({ source: 'dropped', id: 'long' }, source);
    const start = performance.now();
    run.follow();
    render(<OverviewPage run={run} route={runRoute(run.ref)} />, place);
    await untilDrawn(METRICS.length);
    const first = performance.now() - start;
    while (!run.metrics.value.complete) await painted();
    await painted();
    return { first, all: performance.now() - start, megabytes: bytes.length / 1e6 };
  },
  async appendToRun(count) {
    for (let i = 0; i < count; i++) {
      const more = encoder.encode(row(++steps));
      send({ type: 'append', file: 'metrics.jsonl', from: end, bytes: more });
      end += more.length;
      await painted();
    }
  },
};
