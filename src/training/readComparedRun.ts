/** Reads a run for a comparison. */

import type { ComparedRun } from './comparison.ts';
import { completionsFile, isCorrect } from './completions.ts';
import { listingOf } from './readListing.ts';
import type { RunFiles } from './runFiles.ts';
import { completionsOf } from './runRows.ts';

/** Read the facts of a run and the verdicts of its final answers. @param id names the run. */
export async function readComparedRun(id: string, files: RunFiles, isTraining = false): Promise<ComparedRun> {
  const listing = await listingOf(id, files, isTraining);
  // A run that was resumed has the final answers of an earlier session.
  const bytes = listing.final && (await files.read(completionsFile('final')));
  return { listing, answers: bytes ? verdictsOf(bytes) : null };
}

/** Return for each problem of a file of completions whether the answer is correct. A problem that comes again is numbered. */
export function verdictsOf(bytes: Uint8Array): ReadonlyMap<string, boolean> {
  const seen = new Map<string, number>();
  return new Map(
    completionsOf(bytes).rows.map((row) => {
      const key = JSON.stringify([row.expression, row.expected]);
      const times = seen.get(key) ?? 0;
      seen.set(key, times + 1);
      return [times === 0 ? key : `${key} ${times}`, isCorrect(row)];
    }),
  );
}
