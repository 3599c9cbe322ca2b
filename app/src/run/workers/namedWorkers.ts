/** Names of workers for people. A worker chooses its name: several may have the same one, or that of another. */
import { visibleText } from '../../ui/visibleText.ts';
import { TRAINER, type WorkerSummary } from './workerHistory.ts';

/** Letters of a name that are shown. */
const MOST_LETTERS = 40;

/** A worker with the text that names it among the others. */
export interface NamedWorker extends WorkerSummary {
  readonly label: string;
}

/** Name workers by the names that they give themselves; those of one name by their keys, too. */
export function namedWorkers(workers: readonly WorkerSummary[]): readonly NamedWorker[] {
  const names = workers.map(shortName);
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return workers.map((worker, i) => {
    const name = names[i] ?? worker.worker;
    const isOnly = counts.get(name) === 1 || worker.worker === TRAINER;
    return { ...worker, label: isOnly ? name : `${name} (${visibleText(worker.worker)})` };
  });
}

function shortName({ worker, name }: WorkerSummary): string {
  if (worker === TRAINER) return TRAINER;
  const letters = [...visibleText(name.trim() || worker)];
  return letters.length > MOST_LETTERS ? `${letters.slice(0, MOST_LETTERS - 1).join('')}…` : letters.join('');
}
