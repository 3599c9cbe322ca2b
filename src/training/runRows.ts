/** Readers of the JSON lines of a run: its metrics, its held-out problems, and completions. The files may be torn or hostile. */
import { jsonObject } from '../base/json.ts';
import type { SampleRow } from '../grpo/samples.ts';
import type { Metric, MetricsRow, WorkerRow } from './store.ts';

/** The file of a run with one row for each step. */
export const METRICS_FILE = 'metrics.jsonl';
/** The file of a run with one row for each worker and step, if other machines take part. */
export const WORKERS_FILE = 'workers.jsonl';

/** The rows in some bytes of a file. */
export interface ReadRows<Row> {
  readonly rows: readonly Row[];
  /** Offset in bytes behind the last whole line; a torn line begins here. Read on from here when the file has grown. */
  readonly end: number;
  /** Number of whole lines that hold no such row. */
  readonly skipped: number;
}

/** A held-out problem. */
export interface ProblemRow {
  readonly expression: string;
  readonly answer: string;
}

/** A model's completion for a held-out problem. */
export interface CompletionRow {
  readonly expression: string;
  readonly completion: string;
  /** The answer in the completion; null without one. */
  readonly answer: string | null;
  readonly expected: string;
  /** `correct`, or the fault. */
  readonly verdict: string;
}

/** A completion that a step learnt from, with its step. */
export interface StepSample extends SampleRow {
  readonly step: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Read the rows of `metrics.jsonl`. Values other than numbers, texts and null are left out. */
export const rowsOf = (bytes: Uint8Array): ReadRows<MetricsRow> => linesOf(bytes, metricsRow);

/** Read the rows of `workers.jsonl`. */
export const workersOf = (bytes: Uint8Array): ReadRows<WorkerRow> => linesOf(bytes, workerRow);

/** Read the rows of `evaluation.jsonl`. */
export const problemsOf = (bytes: Uint8Array): ReadRows<ProblemRow> => linesOf(bytes, problemRow);

/** Read the rows of a file such as `baseline_completions.jsonl`. */
export const completionsOf = (bytes: Uint8Array): ReadRows<CompletionRow> => linesOf(bytes, completionRow);

/** Read the rows of a file such as `samples_step50.jsonl`. */
export const samplesOf = (bytes: Uint8Array): ReadRows<StepSample> => linesOf(bytes, sampleRow);

const NEWLINE = 0x0a;

/** Read whole lines; the last one is torn unless it ends with a newline. */
function linesOf<Row>(bytes: Uint8Array, parse: (fields: Fields) => Row | undefined): ReadRows<Row> {
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  const lines = new TextDecoder().decode(bytes.subarray(0, end)).split('\n');
  const rows: Row[] = [];
  let skipped = 0;
  for (const line of lines) {
    if (line === '') continue;
    const fields = jsonObject(line);
    const row = fields && parse(fields);
    if (row === undefined) skipped++;
    else rows.push(row);
  }
  return { rows, end, skipped };
}

function metricsRow({ phase, step, ...values }: Fields): MetricsRow | undefined {
  if (typeof phase !== 'string' || !isStep(step)) return undefined;
  return { phase, step, ...Object.fromEntries(Object.entries(values).filter(isMetric)) };
}

function isMetric(entry: readonly [string, unknown]): entry is [string, Metric] {
  const [, value] = entry;
  return typeof value === 'number' || typeof value === 'string' || value === null;
}

function workerRow(fields: Fields): WorkerRow | undefined {
  const { step, worker, name, class: kind, banned } = fields;
  if (!isStep(step) || !isText(worker)) return undefined;
  return {
    step,
    worker,
    name: isText(name) ? name : '',
    class: isText(kind) ? kind : '',
    items: numberOf(fields.items),
    tokens: numberOf(fields.tokens),
    tokensPerSecond: numberOf(fields.tokensPerSecond),
    idleShare: numberOf(fields.idleShare),
    redelivered: numberOf(fields.redelivered),
    duplicate: numberOf(fields.duplicate),
    rejected: numberOf(fields.rejected),
    policySecondsP50: numberOf(fields.policySecondsP50),
    policySecondsP99: numberOf(fields.policySecondsP99),
    banned: banned === true,
  };
}

function problemRow({ expression, answer }: Fields): ProblemRow | undefined {
  return isText(expression) && isText(answer) ? { expression, answer } : undefined;
}

function completionRow(fields: Fields): CompletionRow | undefined {
  const { expression, completion, answer, expected, verdict } = fields;
  if (!isText(expression) || !isText(completion) || !isText(expected) || !isText(verdict)) return undefined;
  return { expression, completion, answer: isText(answer) ? answer : null, expected, verdict };
}

function sampleRow(fields: Fields): StepSample | undefined {
  const { step, prompt, completion, answer, expected, reward, advantage, truncated } = fields;
  if (!isStep(step) || !isText(prompt) || !isText(completion) || !isText(expected)) return undefined;
  const values = { reward: numberOf(reward), advantage: numberOf(advantage), truncated: truncated === true };
  return { step, prompt, completion, answer: isText(answer) ? answer : null, expected, ...values };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isStep = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;
/** JSON has null for NaN and infinities. */
const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number.NaN);
