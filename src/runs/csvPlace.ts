/**
 * The path of a run's CSV file, recorded in `csv.json` in its directory. A run may be a copy, or untrusted, so the record
 * alone does not prove that a file outside of the run's directory belongs to the run. It does only if directory and file are
 * the original ones: their inode numbers and creation times must equal the recorded ones. A copy has others, and nobody else
 * can know them.
 */
import { lstatSync, statSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { readOrdinaryFile } from './ordinaryFile.ts';
import { isInside } from './ownFile.ts';

/** Name of the record's file. */
export const CSV_RECORD = 'csv.json';
/** Name of the CSV file of a run whose recorded file is not its own. */
const OWN_CSV = 'metrics.csv';

const recordSchema = z.union([
  /** In the run's directory: a relative path with slashes. */
  z.strictObject({ path: z.string().min(1) }),
  /** Elsewhere: an absolute path, and the identities of the run's directory and of the file. */
  z.strictObject({ path: z.string().min(1), run: z.string(), file: z.string() }),
]);

/** The recorded path of a CSV file. */
export type CsvRecord = z.output<typeof recordSchema>;

/** Return the record of the CSV file at `path`, which must exist. */
export function csvRecord(directory: string, path: string): CsvRecord {
  if (isInside(directory, path)) {
    return { path: relative(resolve(directory), resolve(path)).replaceAll(sep, '/') };
  }
  const [run, file] = [identity(statSync(directory, BIG)), identity(lstatSync(path, BIG))];
  return { path: resolve(path), run, file };
}

/**
 * Return the path of the CSV file that a resumed run continues: the recorded one if it belongs to the run, otherwise
 * `metrics.csv` in its directory; undefined if the run has no CSV file.
 * @param wanted true if a run without a record has one, as in earlier versions.
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

/** Return true if directory and file are the recorded ones; false for a link in place of the file. */
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
