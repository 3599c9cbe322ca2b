/** `report RUN… --out FILE`: one page with runs inside, which opens from the disk and needs no server. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { path, yesOrNo } from '../../base/options.ts';
import { writeAtomically } from '../../runs/atomicFile.ts';
import { DiskFiles } from '../../runs/diskFiles.ts';
import { withFileErrors } from '../../runs/fileError.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import { throwing } from '../failure.ts';
import { addFlags, readFlags } from '../flags/flags.ts';
import { collectedRuns, givenRuns } from '../givenRuns.ts';
import { Reporter } from '../reporter.ts';

/** Maximum size of a report: what browsers open without a long wait. */
const MOST_BYTES = 128 * 2 ** 20;

const { json } = outputSchema.shape;
const reportFlags = z.strictObject({
  out: path().default('report.html').describe('file of the report; one of that name is replaced'),
  traces: yesOrNo().default(true).describe('put in the traces of steps: every token of some groups'),
  json,
});

async function run(paths: readonly string[], flags: z.output<typeof reportFlags>): Promise<void> {
  const { out, traces, json } = flags;
  const reporter = new Reporter({ json, quiet: false });
  const runs = givenRuns(paths).map(({ name, directory }) => ({ name, files: new DiskFiles(directory) }));
  const { builtPart } = await import('../../dashboard/builtApp.ts');
  const { makeReport } = await import('../../dashboard/makeReport.ts');
  const directory = await builtPart('report', () => reporter.note('Building the page …'));
  const template = withFileErrors(directory, () => readFileSync(join(directory, 'index.html'), 'utf8'));
  writeAtomically(out, await makeReport(template, runs, { traces, mostBytes: MOST_BYTES }));
  const { size: bytes } = statSync(out);
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  reporter.line(`Report of ${runs.length} ${runs.length === 1 ? 'run' : 'runs'}: ${out} (${size})`);
  reporter.document({ out, bytes, runs: runs.map(({ name }) => name) });
}

/** Build `report <runs…>`. */
export function reportCommand(): Command {
  const command = throwing(new Command('report'))
    .description(
      'Writes one page with the charts, completions and heads of runs, which opens without a server.',
    )
    .argument('<runs...>', 'directories of runs, or with runs below them', collectedRuns);
  return addFlags(command, reportFlags).action((paths: readonly string[]) =>
    run(paths, readFlags(command, reportFlags)),
  );
}
