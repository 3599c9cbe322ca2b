/** Print the file of `npm run bench -- share` as tables. */
import { columns } from '../../src/cli/columns.ts';
import { ceilingText, countTable, kernelTable, stepTable, type Table } from '../tables.ts';
import type { PartResult, SharedResults } from './results.ts';

const linesOf = ({ heading, rows, left }: Table): string[] => columns([heading, ...rows], left);

/** Return a table of what the tuner chose, and the gain over the default kernel. */
export function tuningTable(results: PartResult<'tuning'>): Table {
  return {
    heading: ['shape class', 'default', 'chosen', 'time', 'tried', 'wrong or invalid'],
    rows: results.map(({ key, untuned, chosen, candidates }) => {
      const ratio = candidates.find(({ variant }) => variant === chosen)?.result;
      const unusable = candidates.filter(({ result }) => typeof result === 'string');
      return [
        ...[key, untuned, chosen === untuned ? '' : chosen],
        chosen === untuned || typeof ratio !== 'number' ? '' : ratio.toFixed(2),
        String(candidates.length),
        unusable.map(({ variant, result }) => `${variant} (${String(result)})`).join(', '),
      ];
    }),
    left: 3,
  };
}

function machineLines({
  adapter,
  kind,
  class: own,
  cpu,
  platform,
  versions,
  commit,
}: PartResult<'machine'>): string[] {
  const { description, subgroupMinSize, subgroupMaxSize } = adapter;
  return [
    `${description} (${kind}), kernels of the class ${own}, subgroups of ${subgroupMinSize ?? '?'} to ${subgroupMaxSize ?? '?'}`,
    `${cpu}, ${platform}; ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}; commit ${commit ?? 'unknown'}`,
  ];
}

function testLines({ passed, failed, skipped, failures }: PartResult<'tests'>): string[] {
  return [
    `${passed} passed, ${failed} failed, ${skipped} skipped`,
    ...failures.map(({ name, message }) => `  ${name}: ${message.split('\n')[0]}`),
  ];
}

/** Return the lines of a file. A part that failed says why. */
export function showShared({ date, parts }: SharedResults): string[] {
  const section = <Result>(
    title: string,
    part:
      | { readonly seconds: number; readonly result?: Result; readonly problem?: string | undefined }
      | undefined,
    body: (result: NonNullable<Result>) => string[],
  ): string[] => {
    if (!part) return [];
    const { result, problem, seconds } = part;
    const lines = result ? body(result) : [`failed: ${problem ?? 'no result'}`];
    return ['', `${title}, ${seconds.toFixed(0)} s`, ...lines];
  };
  const counts = parts.counts?.result ?? [];
  return [
    `Results of ${date}`,
    ...section('Adapter', parts.machine, machineLines),
    ...section('Tests of kernels', parts.tests, testLines),
    ...section('Tuner: time relative to the default kernel', parts.tuning, (results) =>
      linesOf(tuningTable(results)),
    ),
    ...section('Dispatches of a step', parts.counts, (results) => linesOf(countTable(results))),
    ...section('Training steps', parts.steps, ({ steps, ceilings }) => [
      ceilingText(ceilings),
      ...linesOf(stepTable(steps, counts)),
    ]),
    ...section('Kernels', parts.kernels, (measured) => [
      ceilingText(measured.ceilings),
      ...linesOf(kernelTable(measured)),
    ]),
  ];
}
