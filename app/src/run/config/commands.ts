/** Commands that resume a run, or make one like it. */
import type { RunKind } from 'mathformer/training';
import { quote } from 'shlex';
import { isTelling, type OptionRow } from './optionRows.ts';

/** The command of each kind of run. */
const COMMANDS: Readonly<Record<RunKind, string>> = { pipeline: 'train', pretrain: 'pretrain', grpo: 'grpo' };

/** Options that belong to one run alone, or that say how a command prints. */
const OWN = new Set(['out', 'logCsv', 'profile', 'config', 'trust', 'json', 'quiet']);

/** Resume the run in a directory. */
export const resumeCommand = (directory: string): string => `npx mathformer resume ${quote(directory)}`;

/** Make another run with the options of the run in a directory. */
export const repeatCommand = (kind: RunKind, directory: string): string =>
  `npx mathformer ${COMMANDS[kind]} --config ${quote(`${directory}/config.json`)} --out ${quote(`${directory}-again`)}`;

/**
 * Make another run with the same options, written as flags: those that differ from their default. Undefined for the pipeline,
 * whose sections are no flags.
 */
export function flagsCommand(kind: RunKind, rows: readonly OptionRow[]): string | undefined {
  if (kind === 'pipeline') return undefined;
  const flags = rows.flatMap((row) =>
    !OWN.has(row.key) && row.origin !== 'derived' && isTelling(row) ? flagOf(row) : [],
  );
  return [`npx mathformer ${COMMANDS[kind]}`, ...flags].join(' \\\n  ');
}

function flagOf({ flag, value }: OptionRow): string {
  if (value === true) return flag;
  if (value === false) return flag.replace(/^--/, '--no_');
  return `${flag} ${quote(Array.isArray(value) ? value.join(',') : String(value))}`;
}
