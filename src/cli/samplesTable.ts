/** Samples of a rollout as a table. */
import type { SampleRow } from '../grpo/samples.ts';
import { columns } from './columns.ts';

const HEADER = ['prompt', 'answer', 'expected', 'reward', 'advantage', 'truncated'];
const WIDEST = 32;

/** A line for each sample, below a line that names the columns. */
export function samplesTable(rows: readonly SampleRow[]): string[] {
  const cells = rows.map(({ prompt, answer, expected, reward, advantage, truncated }) => [
    short(prompt),
    answer === null ? '(none)' : short(answer),
    short(expected),
    reward.toFixed(3),
    advantage.toFixed(3),
    truncated ? 'yes' : 'no',
  ]);
  return columns([HEADER, ...cells], 3).map((line) => `  ${line}`);
}

function short(text: string): string {
  return text.length <= WIDEST ? text : `${text.slice(0, WIDEST - 1)}…`;
}
