/**
 * Where the CSV file of a run lies: `csv.json` in its directory records it. A run may be a copy of another one, or come from
 * somebody else, so that record alone does not make a file outside of the run's directory its own. Such a file is the
 * run's if directory and file are the very ones that were there when the record was written: by their numbers in the
 * file system and the times at which they were made. A copy has others, and nobody else can know them.
 */
import { lstatSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { readOrdinaryFile } from './ordinaryFile.ts';
import { isInside } from './ownFile.ts';

/** The file of the record. */
export const CSV_RECORD = 'csv.json';
/** The CSV file of a run whose record proves nothing. */
const OWN_CSV = 'metrics.csv';

const recordSchema = z.union([
  /** In the run's directory: relative to it, with slashes. */
  z.strictObject({ path: z.string().min(1) }),
  /** Elsewhere: absolute, with the identities of the run's directory and of the file. */
  z.strictObject({ path: z.string().min(1), run: z.string(), file: z.string() }),
]);

/** Where a CSV file lies. */
export type CsvRecord = z.output<typeof recordSchema>;

/** The record of the CSV file at `path`, which exists. */
export function csvRecord(directory: string, path: string): CsvRecord {
  if (isInside(directory, path)) {
    return { path: relative(resolve(directory), resolve(path)).replaceAll(sep, '/') };
  }
  const [run, file] = [identity(statSync(directory, BIG)), identity(lstatSync(path, BIG))];
  return { path: resolve(path), run, file };
}

/**
 * The path of the CSV file that a resumed run continues: the recorded one if it is the run's own, else `metrics.csv` in its
 * directory; undefined if the run has no CSV file.
 * @param wanted tells that the run has one if there is no record of it, as in runs of earlier versions.
 */
export function resumedCsv(directory: string, wanted: boolean): string | undefined {
  const record = recordOf(directory);
  if (record === undefined) return wanted ? join(directory, OWN_CSV) : undefined;
  if ('file' in record) return isStill(directory, record) ? record.path : join(directory, OWN_CSV);
  const path = join(directory, record.path);
  return isInside(directory, path) ? path : join(directory, OWN_CSV);
}

function recordOf(directory: string): CsvRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readOrdinaryFile(join(directory, CSV_RECORD), '').toString('utf8')));
  } catch {
    return undefined;
  }
}

const BIG = { bigint: true, throwIfNoEntry: true } as const;

/** Tell whether directory and file are the recorded ones; a link in the file's place is not. */
function isStill(directory: string, { path, run, file }: Extract<CsvRecord, { file: string }>): boolean {
  try {
    return identity(statSync(directory, BIG)) === run && identity(lstatSync(path, BIG)) === file;
  } catch {
    return false;
  }
}

function identity({ ino, birthtimeNs }: { readonly ino: bigint; readonly birthtimeNs: bigint }): string {
  return `${ino}:${birthtimeNs}`;
}
