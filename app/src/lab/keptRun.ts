/** Reads a run that this browser keeps, as the Lab shows it when a visit begins. */
import {
  type Accuracy,
  accuracyOf,
  FileStore,
  METRICS_FILE,
  type MetricsRow,
  type OpfsFiles,
  type RunListing,
  readTrace,
  rowsOf,
  type StepTrace,
  traceFile,
} from 'mathformer/training';

/** A run at its last checkpoint. */
export interface KeptRun {
  readonly step: number;
  readonly phase: string;
  readonly row: Readonly<Record<string, unknown>>;
  readonly accuracy: Accuracy | undefined;
  readonly trace: StepTrace | undefined;
  /** Problems of later checkpoints, which are damaged. */
  readonly damages: readonly string[];
}

/** Read a run. @throws MathformerError for one that cannot be resumed. */
export async function keptRun(files: OpfsFiles, { id, baseline, final }: RunListing): Promise<KeptRun> {
  const damages: string[] = [];
  const point = await new FileStore(files, { name: id }).resumePoint((problem) => damages.push(problem));
  const step = point?.step ?? 0;
  const metrics = (await files.read(METRICS_FILE)) ?? new Uint8Array();
  const rows = rowsOf(metrics).rows.slice(0, point?.session.rows ?? 0);
  const trace = await files.read(traceFile(step));
  return {
    step,
    phase: point?.session.phase ?? '',
    row: rows.at(-1) ?? {},
    accuracy: final ?? latestAccuracy(rows, baseline),
    trace: trace && readTrace(trace, traceFile(step)),
    damages,
  };
}

/** Return the accuracy of the last evaluated row, or the one before training. */
function latestAccuracy(rows: readonly MetricsRow[], baseline: Accuracy | null): Accuracy | undefined {
  const share = rows.findLast(({ eval_accuracy }) => typeof eval_accuracy === 'number')?.eval_accuracy;
  if (!baseline || typeof share !== 'number') return baseline ?? undefined;
  const correct = Math.round(share * baseline.total);
  return accuracyOf(Array.from({ length: baseline.total }, (_, i) => i < correct));
}
