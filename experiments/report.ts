/** `npm run learning -- report`: draw the plots and fill in the tables of docs/LEARNING.md from the saved runs. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Interval } from '../src/base/statistics.ts';
import { type Curve, curves, differences } from './charts.ts';
import {
  differenceOf,
  mean,
  passAtKOf,
  shareOf,
  stepsToAccuracy,
  stepsToGain,
  summaryOf,
} from './comparison.ts';
import { type Experiment, trialsOf } from './experiment.ts';
import { filled, markdownTable } from './markdown.ts';
import { RESULTS, type SavedRun, savedRuns } from './savedRun.ts';
import { startNamed } from './starts.ts';
import { EXPERIMENTS } from './table.ts';

/** Gain in accuracy that the headline result claims, as a share. */
const HEADLINE_GAIN = 0.28;
const BEYOND = 0.9;

/** [step, percent] of a PyTorch GRPO from the same checkpoint: 32 × 4 completions, lr 1e-4, KL 0.02. */
const PYTORCH: readonly (readonly [number, number])[] = [
  [0, 55],
  [150, 65.8],
  [450, 73.6],
  [1000, 79.2],
  [1700, 85],
];

const percent = (share: number): string => (100 * share).toFixed(1);
const signed = (share: number): string => `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
const interval = ({ low, high }: Interval): string =>
  Number.isNaN(low) ? '' : `${signed(low)} to ${signed(high)}`;
const range = (values: readonly number[]): string => values.map(percent).join(', ');
const probability = (p: number): string => (p >= 0.001 ? p.toFixed(3) : p.toExponential(0));
const stepList = (steps: readonly (number | null)[]): string =>
  steps.map((step) => step ?? 'never').join(', ');

type Runs = ReadonlyMap<string, readonly SavedRun[]>;

/** Return the table of an experiment. Differences are to its first row. */
function comparisonTable({ rows }: Experiment, runs: Runs): string {
  const [first] = rows;
  const base = first ? (runs.get(first.name) ?? []) : [];
  const body = rows.flatMap(({ name }, i) => {
    const own = runs.get(name);
    if (!own) return [];
    const { after, gain, mcnemarP } = summaryOf(own);
    const difference = i > 0 ? differenceOf(base, own) : null;
    return [
      [
        ...[
          name,
          percent(mean(after)),
          range(after),
          signed(gain.estimate),
          interval(gain),
          probability(mcnemarP),
        ],
        ...(difference
          ? [
              signed(difference.problems.estimate),
              interval(difference.problems),
              interval(difference.seeds),
              `${difference.better} of ${difference.count}`,
            ]
          : ['', '', '', '']),
        secondsPerStep(own),
      ],
    ];
  });
  const heading = [
    'settings',
    'after, %',
    'by seed',
    'gain',
    '95 % over seeds',
    'largest p',
    'to the first row',
  ];
  return markdownTable([...heading, '95 % over problems', '95 % over seeds', 'better', 's a step'], body);
}

const secondsPerStep = (runs: readonly SavedRun[]): string =>
  mean(
    runs.map(({ trainingSeconds, evaluations }) => trainingSeconds / (evaluations.at(-1)?.[0] ?? 1)),
  ).toFixed(2);

/** Return a table of the mean accuracy at the listed steps, or of the steps that a gain took. */
function progressTable({ rows, listed }: Experiment, runs: Runs): string {
  if (listed) return listedTable(rows, listed, runs);
  const body = rows.flatMap(({ name }) => {
    const own = runs.get(name);
    if (!own) return [];
    return [[name, stepList(stepsToGain(own, HEADLINE_GAIN)), stepList(stepsToAccuracy(own, BEYOND))]];
  });
  return markdownTable(['settings', 'steps to +28 points, by seed', 'steps to 90 %, by seed'], body);
}

function listedTable(rows: Experiment['rows'], listed: readonly number[], runs: Runs): string {
  const body = rows.flatMap(({ name }) => {
    const own = runs.get(name);
    if (!own) return [];
    const at = (step: number): number[] =>
      own.flatMap(({ evaluations }) => evaluations.find(([evaluated]) => evaluated === step)?.[1] ?? []);
    return [[name, ...listed.map((step) => percent(mean(at(step))))]];
  });
  return markdownTable(['settings', ...listed.map((step) => `step ${step}, %`)], body);
}

function passTable({ rows }: Experiment, runs: Runs): string {
  const body = rows.flatMap(({ name }) => {
    const own = runs.get(name) ?? [];
    const cells = [1, 4, 16].map((k) => passAtKOf(own, k));
    if (cells.some((cell) => cell === null)) return [];
    return [
      [
        name,
        ...cells.flatMap((cell) =>
          cell
            ? [
                `${percent(cell.before)} → ${percent(cell.after)}`,
                `${signed(cell.gain.estimate)} (${interval(cell.gain)})`,
              ]
            : [],
        ),
      ],
    ];
  });
  if (body.length === 0) return 'Not sampled.';
  return markdownTable(['settings', 'pass@1, %', 'gain', 'pass@4, %', 'gain', 'pass@16, %', 'gain'], body);
}

/** Return a table of accuracies on the examined problems by step, beside those of PyTorch. */
function curveTable({ rows, examination }: Experiment, runs: Runs): string {
  const steps = examination?.steps ?? [];
  const body = rows.flatMap(({ name }) => {
    const own = runs.get(name);
    if (!own) return [];
    const cells = steps.map((step) => {
      const values = own.flatMap((run) => run.examination?.[step] ?? []).map(shareOf);
      return values.length === 0 ? '' : `${percent(mean(values))} (${range(values)})`;
    });
    return [[name, ...cells]];
  });
  const reference = steps.map((step) => PYTORCH.find(([at]) => at === step)?.[1].toFixed(1) ?? '');
  return markdownTable(
    ['settings', ...steps.map((step) => `step ${step}`)],
    [['PyTorch', ...reference], ...body],
  );
}

const heldOutCurve = (name: string, runs: readonly SavedRun[]): Curve => ({
  name,
  seeds: runs.map(({ evaluations }) =>
    evaluations.map(([step, accuracy]) => [step, 100 * accuracy] as const),
  ),
});

const examinedCurve = (name: string, runs: readonly SavedRun[]): Curve => ({
  name,
  seeds: runs.map(({ examination = {} }) =>
    Object.entries(examination).map(([step, bits]) => [Number(step), 100 * shareOf(bits)] as const),
  ),
});

function plotOf(experiment: Experiment, runs: Runs): string {
  const { rows, plot, examination } = experiment;
  const [first] = rows;
  const shown = rows.flatMap(({ name }) => {
    const own = runs.get(name);
    return own ? [{ name, own }] : [];
  });
  if (plot === 'differences') {
    const base = first ? (runs.get(first.name) ?? []) : [];
    const compared = shown.flatMap(({ name, own }) => {
      const difference = own === base ? null : differenceOf(base, own);
      if (!difference) return [];
      const { problems } = difference;
      const inPoints = {
        estimate: Number((100 * problems.estimate).toFixed(2)),
        low: Number((100 * problems.low).toFixed(2)),
        high: Number((100 * problems.high).toFixed(2)),
      };
      const seeds = own.flatMap((run) => {
        const other = base.find(({ seed }) => seed === run.seed);
        return other ? [Number((100 * (shareOf(run.after) - shareOf(other.after))).toFixed(2))] : [];
      });
      return [{ name, interval: inPoints, seeds }];
    });
    return differences(compared, `points of accuracy beside “${first?.name ?? ''}”`);
  }
  if (examination) {
    const last = Math.max(...examination.steps);
    const peer: Curve = { name: 'PyTorch', seeds: [PYTORCH.filter(([step]) => step <= last)], dashed: true };
    return curves([peer, ...shown.map(({ name, own }) => examinedCurve(name, own))], {
      axis: '% of 1,000 problems of the whole space',
    });
  }
  return curves(
    shown.map(({ name, own }) => heldOutCurve(name, own)),
    { axis: '% of held-out problems' },
  );
}

/** Return the table of all experiments: start, model, number of runs and adapter. */
function runsTable(results: string): string {
  const body = EXPERIMENTS.map((experiment) => {
    const runs = [...savedRuns(experiment, results).values()].flat();
    const distinct = (values: readonly string[]): string => [...new Set(values)].join(', ');
    const start = startNamed(experiment.start);
    return [
      experiment.name,
      `${start.about}; ${start.evalSize} problems, answers of up to ${start.setting.maxNewTokens} tokens`,
      distinct(runs.map(({ model }) => model)),
      `${runs.length} of ${trialsOf(experiment).length}`,
      String(runs.reduce((sum, { evaluations }) => sum + (evaluations.at(-1)?.[0] ?? 0), 0)),
      (runs.reduce((sum, { seconds }) => sum + seconds, 0) / 3600).toFixed(1),
      distinct(runs.map(({ adapter }) => adapter)),
    ];
  });
  return markdownTable(['experiment', 'start', 'model', 'runs', 'steps', 'hours', 'adapter'], body);
}

/** Fill in the document, and write the plots beside the results. */
export function writeReport(document = 'docs/LEARNING.md', results: string = RESULTS): void {
  const texts = new Map([['runs', runsTable(results)]]);
  for (const experiment of EXPERIMENTS) {
    const runs = savedRuns(experiment, results);
    const { name, examination, samples, evalInterval } = experiment;
    texts.set(name, comparisonTable(experiment, runs));
    if (examination) texts.set(`${name}-curve`, curveTable(experiment, runs));
    if (samples !== undefined) texts.set(`${name}-passes`, passTable(experiment, runs));
    if (evalInterval > 0 && !examination) texts.set(`${name}-progress`, progressTable(experiment, runs));
    const folder = join(results, '..');
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.svg`), `${plotOf(experiment, runs)}\n`);
  }
  writeFileSync(document, filled(readFileSync(document, 'utf8'), texts));
}
