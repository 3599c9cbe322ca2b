/**
 * What a command says: results on stdout, progress as a bar where stderr is a terminal and as plain lines otherwise.
 * With --json stdout carries one document and nothing else; with --quiet progress is left out.
 */
import cliProgress from 'cli-progress';

export interface ReporterOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

type Output = Pick<NodeJS.WriteStream, 'write'> & { readonly isTTY?: boolean };

/** Values shown beside the progress, e.g. loss and reward. */
export type ProgressValues = Readonly<Record<string, number>>;

/** How many lines a progress of any length prints where there is no terminal. */
const PLAIN_LINES = 20;
const CLEAR_LINE = '\r\u001b[2K';

/** What a progress counts. */
export interface ProgressRange {
  /** What is done already; nothing unless given. */
  readonly from?: number;
  readonly total: number;
  readonly unit: string;
}

export class Reporter {
  readonly #json: boolean;
  readonly #quiet: boolean;
  readonly #out: Output;
  readonly #err: Output;
  #bar: cliProgress.SingleBar | undefined;

  constructor({ json, quiet }: ReporterOptions, out: Output = process.stdout, err: Output = process.stderr) {
    this.#json = json;
    this.#quiet = quiet;
    this.#out = out;
    this.#err = err;
  }

  /** A result. */
  line(text: string): void {
    if (this.#bar) this.#err.write(CLEAR_LINE);
    (this.#json ? this.#err : this.#out).write(`${text}\n`);
    this.#bar?.render();
  }

  /** Something on the way to a result. */
  note(text: string): void {
    if (!this.#quiet) this.line(text);
  }

  /** The document of --json. */
  document(value: unknown): void {
    if (this.#json) this.#out.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** Starts a progress; call `stop` before the next one. */
  progress(label: string, { from = 0, total, unit }: ProgressRange): Progress {
    if (this.#quiet) return SILENT;
    return this.#err.isTTY
      ? this.#barProgress(label, { from, total })
      : this.#plainProgress(label, { from, total, unit });
  }

  /** A progress of which only a terminal shows anything. */
  bar(label: string, total: number): Progress {
    return this.#quiet || !this.#err.isTTY ? SILENT : this.#barProgress(label, { from: 0, total }, true);
  }

  #barProgress(
    label: string,
    { from, total }: Omit<Required<ProgressRange>, 'unit'>,
    clearOnComplete = false,
  ): Progress {
    const bar = new cliProgress.SingleBar({
      format: `${label} [{bar}] {value}/{total}{values} ETA {eta_formatted}`,
      stream: this.#err as NodeJS.WritableStream,
      barsize: 24,
      clearOnComplete,
      hideCursor: false,
      etaBuffer: 30,
      // Ctrl-C is ours to handle.
      gracefulExit: false,
    });
    bar.start(total, from, { values: '' });
    this.#bar = bar;
    return {
      update: (done, values = {}) => bar.update(done, { values: described(values, ' ') }),
      stop: () => {
        bar.stop();
        this.#bar = undefined;
      },
    };
  }

  #plainProgress(label: string, { from, total, unit }: Required<ProgressRange>): Progress {
    const every = Math.ceil(total / PLAIN_LINES);
    const started = performance.now();
    let printed = from;
    return {
      update: (done, values = {}) => {
        if (done < printed + every && done < total) return;
        printed = done - (done % every);
        const left = ((performance.now() - started) / 1000 / (done - from)) * (total - done);
        const eta = done < total ? `, ETA ${duration(left)}` : '';
        this.line(`${label} ${done}/${total} ${unit}${described(values, ', ')}${eta}`);
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

function described(values: ProgressValues, separator: string): string {
  return Object.entries(values)
    .map(([name, value]) => `${separator}${name} ${short(value)}`)
    .join('');
}

/** Four decimals, unless they would hide the value. */
function short(value: number): string {
  return value === 0 || Math.abs(value) >= 1e-3 ? value.toFixed(4) : value.toExponential(1);
}

/** Seconds as `45s`, `3m20s` or `2h05m`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(s % 60).padStart(2, '0')}s`;
  return `${Math.floor(s / 3600)}h${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`;
}
