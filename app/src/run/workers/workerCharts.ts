/** The charts of Workers: of all work, from the metrics; and by worker. */
import type { ChartSeries } from '../../charts/series.ts';
import { seriesStyle } from '../../charts/seriesStyle.ts';
import type { ChartSpec, LineSpec } from '../overview/chartSpecs.ts';
import type { NamedWorker } from './namedWorkers.ts';
import { type Curve, TRAINER, type WorkerHistory } from './workerHistory.ts';

/** Workers that have a line each. More are drawn as their spread. */
export const MOST_LINES = 8;

const metric = (label: string, name: string): LineSpec => ({
  label,
  values: (columns) => columns.get(`workers/${name}`),
});

/** The share of items that the trainer made itself. */
const ownShare: LineSpec = {
  label: 'trainer’s own',
  values(columns) {
    const [own, all] = [columns.get('workers/own_items'), columns.get('workers/items')];
    return own && all && own.map((items, i) => items / (all[i] ?? Number.NaN));
  },
};

/** Charts of all work. */
export const CLUSTER_CHARTS: readonly ChartSpec[] = [
  {
    key: 'speed',
    title: 'Speed of all',
    unit: 'tokens/s',
    help: 'Tokens of all results, the trainer’s own included.',
    lines: [metric('all', 'tokens_per_second')],
  },
  {
    key: 'own',
    title: 'Trainer’s own items',
    share: true,
    help: 'The trainer works on items that no worker has taken.',
    lines: [ownShare],
  },
  {
    key: 'connected',
    title: 'Connected workers',
    help: 'Heard lately, those that were refused not counted.',
    lines: [metric('connected', 'connected')],
  },
  {
    key: 'policy',
    title: 'Policy latency',
    unit: 's',
    help: 'From new weights to their first use by a worker.',
    lines: [metric('median', 'policy_seconds_p50'), metric('99th percentile', 'policy_seconds_p99')],
  },
  {
    key: 'repeated',
    title: 'Repeated and rejected',
    unit: 'per step',
    help: 'Items given out again, given out twice near the end of a step; results that came twice, or were not valid.',
    lines: [
      metric('redelivered', 'redelivered'),
      metric('hedged', 'hedged'),
      metric('duplicate', 'duplicate'),
      metric('rejected', 'rejected'),
    ],
  },
  {
    key: 'bytes',
    title: 'Traffic',
    unit: 'MB per step',
    help: 'Weights, items and results.',
    lines: [{ label: 'all', values: (columns) => columns.get('workers/bytes')?.map((bytes) => bytes / 1e6) }],
  },
];

/**
 * Return a line for each of a few workers; of more, their median with a band from the lowest to the highest, the trainer's line, and
 * that of the chosen worker.
 * @param workers in the order of their looks.
 */
export function workerSeries(
  history: WorkerHistory,
  workers: readonly NamedWorker[],
  curve: Curve,
  chosen: string | undefined,
): readonly ChartSeries[] {
  const x = history.steps;
  const line = ({ worker, label }: NamedWorker, index: number): ChartSeries => ({
    ...{ key: `worker ${worker}`, label, x, style: seriesStyle(index) },
    y: history.curve(worker, curve),
  });
  if (workers.length <= MOST_LINES) return workers.map(line).filter(isDrawn);
  const { median, low, high } = history.spread(curve);
  const middle = {
    ...{ key: 'median', label: 'median of workers', x, y: median, style: seriesStyle(0) },
    interval: { low, high },
  };
  const beside = [
    workers.find(({ worker }) => worker === TRAINER),
    workers.find(({ worker }) => worker === chosen),
  ];
  const lines = beside.flatMap((one, i) =>
    one && !(i === 1 && one === beside[0]) ? [line(one, i + 1)] : [],
  );
  return [middle, ...lines].filter(isDrawn);
}

const isDrawn = ({ y }: ChartSeries): boolean => !y.every(Number.isNaN);
