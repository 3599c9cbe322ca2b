/** Compare two measurements side by side. */
import { columns } from '../src/cli/columns.ts';
import { readResults, type SuiteResults } from './results.ts';

/** A measurement that can be compared: a kernel, or a replayed step. */
interface Row {
  readonly kernel: string;
  readonly shape: string;
  readonly median: number;
  readonly efficiency: number;
}

const stepRows = ({ steps }: SuiteResults['steps']): Row[] =>
  steps.map(({ name, replayed, efficiency }) => ({
    kernel: name,
    shape: 'replayed',
    median: replayed.median,
    efficiency,
  }));

function read(path: string): { readonly adapter: string; readonly rows: readonly Row[] } {
  if (path.endsWith('steps.json')) {
    const steps = readResults(path, 'steps');
    return { adapter: steps.adapter, rows: stepRows(steps) };
  }
  const { adapter, results } = readResults(path, 'kernels');
  return { adapter, rows: results };
}

/**
 * Return a table of the rows that both files have: times, their ratio (above 1: b is faster) and η of each. Times compare
 * code on one adapter; η compares adapters, or one adapter at different loads.
 */
export function compareFiles(a: string, b: string): string[] {
  const [first, second] = [read(a), read(b)];
  const rows = first.rows.flatMap((one) => {
    const other = second.rows.find(({ kernel, shape }) => kernel === one.kernel && shape === one.shape);
    if (!other) return [];
    const ms = (seconds: number): string => (seconds * 1000).toFixed(3);
    const ratio = (one.median / other.median).toFixed(2);
    const efficiencies = [one.efficiency.toFixed(2), other.efficiency.toFixed(2)];
    return [[one.kernel, one.shape, ms(one.median), ms(other.median), ratio, ...efficiencies]];
  });
  const heading = ['kernel', 'shape', 'a, ms', 'b, ms', 'a / b', 'η of a', 'η of b'];
  return [`a: ${a}, ${first.adapter}`, `b: ${b}, ${second.adapter}`, ...columns([heading, ...rows], 2)];
}
