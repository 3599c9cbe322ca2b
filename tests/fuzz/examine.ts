/**
 * Read a file as untrusted, and check the guarantee: a valid checkpoint or a CheckpointError, in under a second, with at
 * most twice the file's size plus 100 MB.
 *
 * Memory is the peak of the process's resident set while the file is read (Linux: `VmHWM`, reset before each file by
 * writing 5 to /proc/self/clear_refs), minus the smallest resident set seen at rest. It is an upper bound: it includes the
 * file itself, everything on and off the JavaScript heap, and uncollected garbage.
 */

import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CheckpointError, type ReadCheckpoint, readCheckpoint } from '../../src/formats/index.ts';
import { parameterShapes } from '../../src/model/stateDict.ts';

/** The result of reading a file; `code` is `accepted` or that of the error. */
export interface Outcome {
  readonly code: string;
  /** The smaller of wall-clock and CPU time, as wall-clock time includes other programs. */
  readonly milliseconds: number;
  /** Undefined if the system does not report it. */
  readonly peakBytes: number | undefined;
}

/** The error for a violated guarantee. */
export class BrokenPromise extends Error {}

const TIME_LIMIT_MS = 1000;
const memoryLimit = (file: Uint8Array): number => 2 * file.length + 100_000_000;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Number of files between garbage collections, so that garbage stays well below 100 MB. */
const COLLECT_EVERY = 128;

/** Examine one file after another. */
export class Examiner {
  #atRest = Number.POSITIVE_INFINITY;
  #files = 0;

  /** Read a file. Repeat a file over a limit after a garbage collection, as other work counts too. @throws BrokenPromise */
  examine(file: Uint8Array): Outcome {
    if (this.#files++ % COLLECT_EVERY === 0) this.#rest();
    const first = this.#read(file);
    if (!exceeds(first, file)) return first;
    this.#rest();
    const second = this.#read(file);
    if (!exceeds(second, file)) return second;
    const { code, milliseconds, peakBytes = 0 } = second;
    throw new BrokenPromise(
      `${code} took ${milliseconds.toFixed(0)} ms and ${peakBytes} bytes for a file of ${file.length}`,
    );
  }

  #rest(): void {
    collectGarbage();
    this.#atRest = Math.min(this.#atRest, process.memoryUsage.rss());
  }

  #read(file: Uint8Array): Outcome {
    const resettable = resetPeak();
    const started = performance.now();
    const cpu = process.cpuUsage();
    const result = attempt(file);
    const { user, system } = process.cpuUsage(cpu);
    const milliseconds = Math.min(performance.now() - started, (user + system) / 1000);
    const peakBytes = resettable ? 1024 * process.resourceUsage().maxRSS - this.#atRest : undefined;
    return { code: judge(result), milliseconds, peakBytes };
  }
}

function exceeds({ milliseconds, peakBytes = 0 }: Outcome, file: Uint8Array): boolean {
  return milliseconds > TIME_LIMIT_MS || peakBytes > memoryLimit(file);
}

function resetPeak(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    writeFileSync('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

type Result = { readonly checkpoint: ReadCheckpoint } | { readonly thrown: unknown };

/** Read a file. Give the heads and experts of a file without a config, so that more mutants reach their weights. */
function attempt(file: Uint8Array): Result {
  try {
    return { checkpoint: readCheckpoint(file, 'mutant', { nHeads: 2, activeExperts: 2 }) };
  } catch (thrown) {
    return { thrown };
  }
}

function judge(result: Result): string {
  if ('checkpoint' in result) {
    checkCheckpoint(result.checkpoint);
    return 'accepted';
  }
  const { thrown } = result;
  if (!(thrown instanceof CheckpointError))
    throw new BrokenPromise(`it threw ${String(thrown)}`, { cause: thrown });
  const { code, message, fix } = thrown;
  // The last net caught what should have been foreseen.
  if (code === 'INTERNAL' || thrown.cause instanceof RangeError)
    throw new BrokenPromise(message, { cause: thrown });
  if (/[\p{Cc}\p{Cf}\p{Cs}]/u.test(message) || message.length > 1500 || !fix) {
    throw new BrokenPromise(`its message is ${JSON.stringify(message)}`);
  }
  return code;
}

/** Check that a checkpoint has exactly the parameters of its config, with their shapes, all finite. */
function checkCheckpoint({ config, stateDict }: ReadCheckpoint): void {
  const shapes = parameterShapes(config);
  if (stateDict.size !== shapes.size) throw new BrokenPromise(`it read ${stateDict.size} tensors`);
  for (const [name, shape] of shapes) {
    const tensor = stateDict.get(name);
    const length = shape.reduce((a, b) => a * b, 1);
    if (tensor?.data.length !== length || String(tensor.shape) !== String(shape)) {
      throw new BrokenPromise(`${name} is not of shape ${shape}`);
    }
    for (const value of tensor.data)
      if (!Number.isFinite(value)) throw new BrokenPromise(`${name} holds ${value}`);
  }
}
