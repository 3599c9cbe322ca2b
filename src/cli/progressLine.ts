/** Formats the line of a progress for a terminal. The ETA always fits, however narrow the terminal is. */

/** Widths of the bar, in characters between its brackets. */
const BAR = { least: 6, most: 24 };

export interface ProgressState {
  readonly label: string;
  readonly done: number;
  readonly total: number;
  /** Values beside the count, such as `loss 0.5000`, the most important ones first. */
  readonly values: readonly string[];
  /** Remaining time, such as `3m20s`. */
  readonly eta: string;
}

/**
 * Format `GRPO [====----] 5/10 loss 0.5000 ETA 3m20s` in at most `columns` columns. To fit, the bar is shortened, then dropped;
 * then the last values are dropped, then the label.
 */
export function progressLine({ label, done, total, values, eta }: ProgressState, columns: number): string {
  const count = `${done}/${total}`;
  for (let kept = values.length; kept >= 0; kept--) {
    const end = [count, ...values.slice(0, kept), `ETA ${eta}`].join(' ');
    const room = columns - `${label}  ${end}`.length - 2;
    if (room >= BAR.least) return `${label} [${bar(done / total, Math.min(room, BAR.most))}] ${end}`;
    if (`${label} ${end}`.length <= columns) return `${label} ${end}`;
  }
  return `${count} ETA ${eta}`.slice(0, columns);
}

function bar(share: number, width: number): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width);
  return '='.repeat(full) + '-'.repeat(width - full);
}
