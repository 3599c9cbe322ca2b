/** `compare RUN…`: compares runs, grouped by what differs in their options, over seeds and on the same problems. */
import { Command } from 'commander';
import { z } from 'zod';
import { BadOptionError } from '../../base/options.ts';
import { printable } from '../../formats/error.ts';
import { DiskFiles } from '../../runs/diskFiles.ts';
import { isLocked } from '../../runs/lock.ts';
import { outputSchema } from '../../training/commandOptions.ts';
import {
  type ComparedRun,
  compareRuns,
  type GroupComparison,
  type MeanOverRuns,
  type ProblemDifference,
  type RunComparison,
} from '../../training/comparison.ts';
import { readComparedRun } from '../../training/readComparedRun.ts';
import { accuracyText, intervalText, percent, probabilityText, signed } from '../accuracyText.ts';
import { columns } from '../columns.ts';
import { throwing } from '../failure.ts';
import { addFlags, readFlags } from '../flags/flags.ts';
import { collectedRuns, givenRuns } from '../givenRuns.ts';
import { Reporter } from '../reporter.ts';

const { json } = outputSchema.shape;
const compareFlags = z.strictObject({ json });

async function run(paths: readonly string[], { json }: z.output<typeof compareFlags>): Promise<void> {
  const reporter = new Reporter({ json, quiet: false });
  const found = givenRuns(paths);
  const runs: ComparedRun[] = [];
  for (const { name, directory } of found) {
    const read = await readComparedRun(name, new DiskFiles(directory), isLocked(directory));
    if (read.listing.problem === null) runs.push(read);
    else process.stderr.write(`warning: ${printable(name)} is left out. ${read.listing.problem}\n`);
  }
  if (runs.length === 0) {
    const fix = 'give a run that can be read; the warnings say what is wrong with these';
    throw new BadOptionError('run', 'none of the runs can be read', fix);
  }
  const comparison = compareRuns(runs);
  reporter.document(comparison);
  for (const line of lines(comparison)) reporter.line(printable(line));
}

/** Format a comparison. */
function lines({ differing, groups, comparisons }: RunComparison): string[] {
  const count = groups.reduce((sum, { runs }) => sum + runs.length, 0);
  const by = differing.length > 0 ? `, which differ in ${differing.join(', ')}` : '';
  const table = groups.map((group) => [
    group.name,
    ...differing.map((name) => group.options[name] ?? ''),
    String(group.runs.length),
    meanText(group.final, percent),
    meanText(group.improvement, signed),
  ]);
  const members = groups.flatMap(({ name, runs }) =>
    runs.map(({ id, seed, state, step, steps, final }) => [
      id,
      name,
      seed === null ? '-' : String(seed),
      `${state}, step ${step}${steps === null ? '' : ` of ${steps}`}`,
      final ? accuracyText(final) : '-',
    ]),
  );
  return [
    `${plural(groups.length, 'group')} of ${plural(count, 'run')}${by}:`,
    '',
    ...columns(
      [['group', ...differing, 'runs', 'final accuracy, %', 'improvement, points'], ...table],
      1 + differing.length,
    ),
    '',
    ...columns([['run', 'group', 'seed', 'state', 'final accuracy'], ...members], 4),
    ...(comparisons.length > 0 ? ['', 'Final accuracy, with 95% intervals:'] : []),
    ...comparisons.flatMap(comparisonLines),
    ...noteLines(comparisons),
  ];
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Format a mean with its interval, both in percent or points. */
function meanText(value: MeanOverRuns | null, text: (share: number) => string): string {
  if (value === null) return '-';
  const { mean, low, high } = value;
  return low === null || high === null ? text(mean) : `${text(mean)} (${text(low)} to ${text(high)})`;
}

function comparisonLines({ first, second, overSeeds, onProblems }: GroupComparison): string[] {
  const facts: string[] = [];
  if (overSeeds) {
    const { paired, runs, p, correctedP } = overSeeds;
    const test = paired ? `paired t-test over ${runs} seeds` : `Welch’s t-test over ${runs} runs`;
    facts.push(`${intervalText(overSeeds)}, ${test}, p = ${pText(p, correctedP)}`);
  }
  if (onProblems) {
    const { problems, mcnemarP, correctedP } = onProblems;
    const test = mcnemarP === null ? '' : `, McNemar p = ${pText(mcnemarP, correctedP)}`;
    facts.push(`${intervalText(onProblems)}, on the same ${plural(problems, 'problem')}${test}`);
  }
  if (facts.length === 0) facts.push('not compared: final answers to the same problems are missing');
  return facts.map((fact) => `${second} − ${first}: ${fact}`);
}

const pText = (p: number, corrected: number | null): string =>
  corrected === null || corrected === p
    ? probabilityText(p)
    : `${probabilityText(p)} (corrected ${probabilityText(corrected)})`;

const isChanged = (difference: ProblemDifference | null): boolean =>
  difference !== null && difference.correctedP !== difference.mcnemarP;

/** Say what the numbers mean, once. */
function noteLines(comparisons: readonly GroupComparison[]): string[] {
  const isCorrected = comparisons.some(
    ({ overSeeds, onProblems }) => overSeeds?.correctedP !== overSeeds?.p || isChanged(onProblems),
  );
  const isOnProblems = comparisons.some(({ onProblems }) => onProblems !== null);
  return [
    ...(isCorrected ? ['Corrected p: by Holm’s method, for all comparisons of the same test.'] : []),
    ...(isOnProblems
      ? ['Differences on the same problems are of these models; other seeds may give other results.']
      : []),
  ];
}

/** Build `compare <runs…>`. */
export function compareCommand(): Command {
  const command = throwing(new Command('compare'))
    .description(
      'Compares runs: grouped by what differs in their options, with the mean over seeds, and tests of the differences.',
    )
    .argument('<runs...>', 'directories of runs, or with runs below them', collectedRuns);
  return addFlags(command, compareFlags).action((paths: readonly string[]) =>
    run(paths, readFlags(command, compareFlags)),
  );
}
