/** Reads what a comparison needs of open runs: their entries in the list, and the verdicts of their final answers. */
import { type ComparedRun, completionsFile, verdictsOf } from 'mathformer/training';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { RunData } from '../data/runData.ts';
import { formatRef } from '../shell/routes.ts';
import type { NamedRun } from './comparison.ts';

type Answers = ComparedRun['answers'];

/**
 * Return the runs that can be read, once they have been, with their answers as soon as these have been.
 * @param names short names of the runs.
 */
export function useCompared(runs: readonly RunData[], names: readonly string[]): readonly NamedRun[] {
  const [answers, setAnswers] = useState<ReadonlyMap<string, Answers>>(new Map());
  const listings = runs.map((run) => run.listing.value);
  // A run has final answers once it has a final accuracy.
  const finals = runs
    .map((run, i) => `${formatRef(run.ref)} ${listings[i]?.final?.correct ?? ''}`)
    .join('\n');
  useEffect(() => {
    let isCurrent = true;
    for (const run of runs) {
      if (!run.listing.peek()?.final) continue;
      readAnswers(run).then((read) => {
        if (isCurrent) setAnswers((before) => new Map([...before, [formatRef(run.ref), read]]));
      });
    }
    return () => {
      isCurrent = false;
    };
  }, [runs, finals]);
  return useMemo(
    () =>
      runs.flatMap((run, i) => {
        const listing = listings[i];
        if (!listing || listing.problem !== null) return [];
        return [{ name: names[i] ?? listing.id, listing, answers: answers.get(formatRef(run.ref)) ?? null }];
      }),
    [runs, names, answers, ...listings],
  );
}

/** Read the verdicts of a run's final answers; null if they cannot be read: then it is compared without them. */
async function readAnswers(run: RunData): Promise<Answers> {
  try {
    const bytes = await run.bytes(completionsFile('final'));
    return bytes ? verdictsOf(bytes) : null;
  } catch {
    return null;
  }
}
