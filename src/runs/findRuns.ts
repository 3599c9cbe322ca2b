/** Finds runs below a directory. */
import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FileError, withFileErrors } from './fileError.ts';

/** A run that was found. */
export interface FoundRun {
  /** The path of its directory below the root, with `/`; for the root itself its name. */
  readonly id: string;
  readonly directory: string;
}

/** Levels below the root that are searched. */
const LEVELS = 5;
/** Maximum number of directories that are searched: the root may be that of the whole disk. */
const MOST_DIRECTORIES = 20_000;

/** Files and directories of a run, one of which is beside its config.json. A model of Hugging Face has a config.json, too. */
const MARKS: readonly string[] = ['metrics.jsonl', 'checkpoints', 'evaluation.jsonl', 'summary.json', 'lock'];

/**
 * Find the runs at and below a directory, in the order of their ids. Links and hidden directories are left out, and
 * directories within a run.
 * @throws FileError if the root cannot be read or is no directory.
 */
export function findRuns(root: string): FoundRun[] {
  const real = withFileErrors(root, () => realpathSync(root));
  if (!statSync(real).isDirectory()) {
    throw new FileError('NOT_A_FILE', root, 'it is no directory', 'give a directory of runs, such as runs/');
  }
  if (isRunWith(withFileErrors(root, () => namesOf(readdirSync(real, { withFileTypes: true }))))) {
    return [{ id: basename(real) || 'run', directory: real }];
  }
  const found: FoundRun[] = [];
  let level = [{ id: '', directory: real }];
  for (let depth = 0, searched = 0; depth <= LEVELS && level.length > 0; depth++) {
    const next: FoundRun[] = [];
    for (const place of level) {
      if (++searched > MOST_DIRECTORIES) break;
      const entries = entriesOf(place.directory);
      if (isRunWith(namesOf(entries))) found.push(place);
      else next.push(...entries.filter(isSearched).map(({ name }) => below(place, name)));
    }
    level = next;
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Tell whether a directory is a run. */
export const isRunDirectory = (path: string): boolean => isRunWith(namesOf(entriesOf(path)));

const isRunWith = (names: readonly string[]): boolean =>
  names.includes('config.json') && MARKS.some((mark) => names.includes(mark));

const namesOf = (entries: readonly Dirent[]): string[] =>
  entries.filter((entry) => !entry.isSymbolicLink()).map(({ name }) => name);

const isSearched = (entry: Dirent): boolean =>
  entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules';

function below({ id, directory }: FoundRun, name: string): FoundRun {
  return { id: id === '' ? name : `${id}/${name}`, directory: join(directory, name) };
}

/** List a directory; one that may not be entered, or that vanished, is empty. */
function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
