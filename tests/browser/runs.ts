/** Runs for pages to show: two trained by the command line, and copies that are broken or hostile. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readTrace, writeTrace } from '../../src/training/trace.ts';
import { workerMetrics } from '../../src/training/workerRows.ts';
import { run } from '../cli/cliProcess.ts';
import { clusterFigures, workerFigures } from '../training/figures.ts';
import { linesOf } from '../training/filesOf.ts';

/** The runs of the fixture, by their ids. */
export const RUNS = ['seed0', 'seed1', 'workers', 'hostile', 'torn', 'newer'] as const;

const TASK = ['--max_digits', '1', '--max_depth', '1', '--operators', '+,-'];
const SIZE = ['--batch_size', '8', '--max_gen_len', '16', '--eval_size', '20'];
const INTERVALS = ['--eval_interval', '4', '--save_interval', '6', '--trace_interval', '3'];
const PARTIAL = ['--reward', 'correctness,partial:0.5'];

const HOW = ['--adapter', 'wasm', '--quiet'];

async function command(...args: string[]): Promise<void> {
  const { code, stderr } = await run('main', ...args);
  if (code !== 0) throw new Error(`mathformer ${args.join(' ')} ended with ${code}: ${stderr}`);
}

/** Train a model of one-digit sums, enough to answer some. */
const pretrain = (out: string): Promise<void> =>
  command(
    'pretrain',
    '--modelsize',
    'tiny',
    '--steps',
    '3',
    '--num_examples',
    '2000',
    ...TASK,
    ...HOW,
    '--out',
    out,
  );

/** The command line that improves a model for a number of steps. */
export const grpoArguments = (checkpoint: string, out: string, steps: number, seed = 0): string[] => [
  ...['grpo', '--checkpoint', checkpoint, '--out', out, '--steps', `${steps}`, '--seed', `${seed}`],
  ...[...SIZE, ...INTERVALS, ...PARTIAL, ...HOW],
];

/** Train the runs of the fixture in a directory. */
export async function trainRuns(directory: string): Promise<void> {
  const at = (name: string): string => join(directory, name);
  await pretrain(at('pretrained'));
  await Promise.all(
    [0, 1].map((seed) => command(...grpoArguments(at('pretrained'), at(`seed${seed}`), 12, seed))),
  );
  await rm(at('pretrained'), { recursive: true });
  await makeWorkers(at('seed1'), at('workers'));
  await makeHostile(at('seed0'), at('hostile'));
  await makeTorn(at('seed0'), at('torn'));
  await makeNewer(at('seed0'), at('newer'));
}

/** Copy a run as if three machines and the trainer had worked on it, one of them for the first half. */
async function makeWorkers(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  await writeFile(join(to, 'workers.jsonl'), workersOf(['trainer', 'office', 'attic', 'tab']));
  await edit(join(to, 'metrics.jsonl'), (text) =>
    lines(text, (row) => ({ ...row, ...workerMetrics(clusterFigures({ connected: 3 })) })),
  );
}

/** Return the rows of workers of these names at twelve steps; the last worker leaves after six. */
function workersOf(names: readonly string[]): string {
  const rows = Array.from({ length: 12 }, (_, i) => {
    const present = i < 6 ? names : names.slice(0, -1);
    return present.map((name, worker) => ({
      step: i + 1,
      ...workerFigures({
        worker: name === 'trainer' ? name : `w${worker}`,
        name,
        tokensPerSecond: 100 * (worker + 1) + i,
      }),
    }));
  });
  return linesOf(rows.flat());
}

/** A script that would leave its name in the page, however it were made to run. */
export const HOSTILE =
  `<img src=x onerror="globalThis.hacked='img'"><script>globalThis.hacked='script'</script>` +
  `<svg onload="globalThis.hacked='svg'">\u202e{{constructor.constructor('globalThis.hacked=1')()}}`;

/** Copy a run whose model wrote markup, whose problems are markup, and whose task is called so. */
async function makeHostile(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  for (const name of [
    'baseline_completions.jsonl',
    'final_completions.jsonl',
    'eval_step4_completions.jsonl',
  ])
    await edit(join(to, name), (text) =>
      lines(text, (row) => ({ ...row, expression: HOSTILE, completion: HOSTILE, answer: HOSTILE })),
    );
  await edit(join(to, 'config.json'), (text) => {
    const config = JSON.parse(text);
    return JSON.stringify({ ...config, options: { ...config.options, task: HOSTILE } });
  });
  await writeFile(join(to, 'workers.jsonl'), workersOf(Array.from({ length: 20 }, () => HOSTILE)));
  for (const step of [1, 3, 6, 9, 12]) {
    const path = join(to, `trace/step${step}.safetensors`);
    const trace = readTrace(await readFile(path), path);
    const groups = trace.groups.map((group) => ({
      ...group,
      expression: HOSTILE,
      expected: HOSTILE,
      completions: group.completions.map((each) => ({ ...each, texts: each.texts.map(() => HOSTILE) })),
    }));
    const rewards = trace.rewards.map((group) => ({ ...group, expression: HOSTILE }));
    await writeFile(path, writeTrace({ ...trace, groups, rewards }));
  }
}

/** Copy a run whose process died in the middle of a line and of a trace. */
async function makeTorn(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  await edit(join(to, 'metrics.jsonl'), (text) => text.slice(0, -40));
  await writeFile(join(to, 'workers.jsonl'), workersOf(['trainer', 'office']).slice(0, -40));
  const trace = join(to, 'trace/step12.safetensors');
  await writeFile(trace, (await readFile(trace)).subarray(0, 1000));
  await rm(join(to, 'summary.json'));
}

/** Copy a run whose traces a newer version wrote. */
async function makeNewer(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  for (const step of [1, 3, 6, 9, 12]) {
    const path = join(to, `trace/step${step}.safetensors`);
    const bytes = await readFile(path, 'latin1');
    await writeFile(path, bytes.replace('"mathformer_trace":"1"', '"mathformer_trace":"9"'), 'latin1');
  }
}

async function edit(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')));
}

type Row = Readonly<Record<string, unknown>>;

const lines = (text: string, change: (row: Row) => Row): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `${JSON.stringify(change(JSON.parse(line)))}\n`)
    .join('');
