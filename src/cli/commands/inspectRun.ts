/** Prints the checkpoints of a run, their damage, and the one that `resume` takes. */
import { join } from 'node:path';
import { MathformerError } from '../../base/errors.ts';
import { Checkpoints } from '../../runs/checkpoints.ts';
import type { CheckpointEntry } from '../../training/checkpointFormat.ts';
import { columns } from '../columns.ts';
import type { Reporter } from '../reporter.ts';

/** Print the checkpoints of a run. Every file is read and compared with its SHA-256. @throws MathformerError */
export function inspectRun(path: string, reporter: Reporter): void {
  const checkpoints = new Checkpoints(join(path, 'checkpoints'));
  const found = checkpoints.entries.map((entry) => inspected(checkpoints, entry));
  const { best } = checkpoints;
  reporter.document({ path, format: 'run', checkpoints: found, best });
  reporter.line(`${path}: a run with ${found.length} checkpoints`);
  if (best) reporter.line(`Best: ${best.name}, ${(100 * best.accuracy).toFixed(2)}% after step ${best.step}`);
  const last = found.findLast(({ problem }) => problem === null);
  if (last) reporter.line(`It goes on from ${last.name}: ${JSON.stringify(last.progress)}`);
  reporter.line('');
  for (const line of columns([HEADER, ...found.map(row)], 1)) reporter.line(line);
}

/** Describe a checkpoint, with its damage if there is any, or else the progress of its trainer. */
function inspected(checkpoints: Checkpoints, entry: CheckpointEntry) {
  const { name, step, temporary, files } = entry;
  const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  const shared = { name, step, temporary, bytes, best: checkpoints.best?.name === name };
  try {
    return { ...shared, problem: null, progress: checkpoints.load(entry).state.progress };
  } catch (error) {
    if (!(error instanceof MathformerError)) throw error;
    return { ...shared, problem: error.message, progress: null };
  }
}

const HEADER = ['checkpoint', 'step', 'bytes', '', 'files'];

function row({ name, step, bytes, best, temporary, problem }: ReturnType<typeof inspected>): string[] {
  const notes = [...(best ? ['best'] : []), ...(temporary ? ['until the next'] : [])];
  return [name, String(step), String(bytes), notes.join(', '), problem ?? 'as they were saved'];
}
