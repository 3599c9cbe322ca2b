/**
 * Prints results on stdout, and progress on stderr: a bar on a terminal, plain lines elsewhere. With --json stdout carries one
 * document and nothing else. With --quiet there is no progress.
 */
import cliProgress from 'cli-progress';
import { Pace } from './pace.ts';
import { progressLine } from './progressLine.ts';

export interface ReporterOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

type Output = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number };

/** Values shown beside the progress, e.g. loss and reward. */
export type ProgressValues = Readonly<Record<string, number>>;

/** Number of lines that a progress prints where there is no terminal, whatever its length. */
const PLAIN_LINES = 20;
/** Columns assumed for a terminal that does not tell its width. */
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[2K';

/** Counts of a progress. */
export interface ProgressRange {
  /** Units that are done already; 0 unless given. */
  readonly from?: number;
  readonly total: number;
  readonly unit: string;
}

export class Reporter {
  /** The last line of a terminal, below all that are printed. */
  #bar: { render(): void } | undefined;

  constructor(
    private readonly options: ReporterOptions,
    private readonly out: Output = process.stdout,
    private readonly err: Output = process.stderr,
  ) {}

  /** Print a result. */
  line(text: string): void {
    if (this.#bar) this.err.write(CLEAR_LINE);
    (this.options.json ? this.err : this.out).write(`${text}\n`);
    this.#bar?.render();
  }

  /** Print a step on the way to a result; nothing with --quiet. */
  note(text: string): void {
    if (!this.options.quiet) this.line(text);
  }

  /** Print the document of --json; nothing without it. */
  document(value: unknown): void {
    if (this.options.json) this.out.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Start a progress. Call `stop` before the next one. */
  progress(label: string, { from = 0, total, unit }: ProgressRange): Progress {
    if (this.options.quiet) return SILENT;
    return this.err.isTTY
      ? this.#barProgress(label, { from, total })
      : this.#plainProgress(label, { from, total, unit });
  }

  /** Start a progress that only a terminal shows. */
  bar(label: string, total: number): Progress {
    return this.options.quiet || !this.err.isTTY
      ? SILENT
      : this.#barProgress(label, { from: 0, total }, true);
  }

  /** Keep a line below all others, on a terminal alone; undefined removes it. */
  status(text: string | undefined): void {
    if (this.options.quiet || !this.err.isTTY) return;
    const shown = text?.slice(0, (this.err.columns || DEFAULT_COLUMNS) - 1);
    this.#bar = shown === undefined ? undefined : { render: () => this.err.write(CLEAR_LINE + shown) };
    this.err.write(CLEAR_LINE);
    this.#bar?.render();
  }

  #barProgress(
    label: string,
    { from, total }: Omit<Required<ProgressRange>, 'unit'>,
    clearOnComplete = false,
  ): Progress {
    const pace = new Pace(from);
    let state: { readonly done: number; readonly values: readonly string[] } = { done: from, values: [] };
    const line = (): string => {
      const seconds = pace.secondsLeft(total);
      const eta = seconds === undefined ? '?' : duration(seconds);
      // The last column stays free: some terminals begin a new line there.
      return progressLine({ label, total, ...state, eta }, (this.err.columns || DEFAULT_COLUMNS) - 1);
    };
    const bar = new cliProgress.SingleBar({
      format: line,
      stream: this.err as NodeJS.WritableStream,
      clearOnComplete,
      hideCursor: false,
      // Our line fits, and others that are printed meanwhile may need more than one.
      linewrap: true,
      // Ctrl-C is ours to handle.
      gracefulExit: false,
    });
    bar.start(total, from);
    this.#bar = bar;
    return {
      update: (done, values = {}) => {
        pace.update(done);
        state = { done, values: described(values) };
        bar.update(done);
      },
      stop: () => {
        bar.stop();
        this.#bar = undefined;
      },
    };
  }

  #plainProgress(label: string, { from, total, unit }: Required<ProgressRange>): Progress {
    const every = Math.ceil(total / PLAIN_LINES);
    const pace = new Pace(from);
    let printed = from;
    return {
      update: (done, values = {}) => {
        pace.update(done);
        if (done < printed + every && done < total) return;
        printed = done - (done % every);
        const left = done < total ? [`ETA ${duration(pace.secondsLeft(total) ?? 0)}`] : [];
        this.line([`${label} ${done}/${total} ${unit}`, ...described(values), ...left].join(', '));
      },
      stop: () => undefined,
    };
  }
}

export interface Progress {
  update(done: number, values?: ProgressValues): void;
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

function described(values: ProgressValues): string[] {
  return Object.entries(values).map(([name, value]) => `${name} ${short(value)}`);
}

/** Format with four decimals, or with more digits where four would hide the value. */
function short(value: number): string {
  return value === 0 || Math.abs(value) >= 1e-3 ? value.toFixed(4) : value.toExponential(1);
}

/** Format seconds as `45s`, `3m20s` or `2h05m`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(s % 60).padStart(2, '0')}s`;
  return `${Math.floor(s / 3600)}h${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`;
}
