/** Query sets of timestamps: u64 nanoseconds in the device's memory. */
import { OutOfMemoryError } from './errors.ts';
import type { Range } from './executor.ts';
import { type DeviceState, nameOf } from './state.ts';

/** Bytes of a timestamp. */
export const QUERY_BYTES = 8;
const MOST_QUERIES = 4096;

export class WasmQuerySet implements GPUQuerySet {
  declare readonly __brand: 'GPUQuerySet';
  label: string;
  readonly type: GPUQueryType;
  readonly count: number;
  /** Undefined if it is invalid. */
  readonly range: Range | undefined;
  /** The latest submission that uses it. */
  lastUse = 0;
  readonly #state: DeviceState;
  #isDestroyed = false;

  constructor(
    state: DeviceState,
    { type, count, label = '' }: GPUQuerySetDescriptor,
    range: Range | undefined,
  ) {
    this.#state = state;
    this.label = label;
    this.type = type;
    this.count = count;
    this.range = range;
  }

  get submissionProblem(): string | undefined {
    return this.#isDestroyed ? `${nameOf('query set', this)} was destroyed` : undefined;
  }

  destroy(): undefined {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    if (this.range) this.#state.submissions.freeAfter(this.lastUse, this.range);
  }
}

function descriptorProblem(
  { type, count }: GPUQuerySetDescriptor,
  features: GPUSupportedFeatures,
): string | undefined {
  if (type !== 'timestamp') return `this adapter has no queries of type ${type}`;
  if (!features.has('timestamp-query'))
    return "the device was requested without the feature 'timestamp-query'";
  if (count > MOST_QUERIES) return `${count} queries, of at most ${MOST_QUERIES}`;
  return undefined;
}

export function createQuerySet(state: DeviceState, descriptor: GPUQuerySetDescriptor): WasmQuerySet {
  const { label = '', count } = descriptor;
  const problem = descriptorProblem(descriptor, state.features);
  const range = problem === undefined ? state.memory.allocateZeros(count * QUERY_BYTES) : undefined;
  if (problem !== undefined) state.errors.invalid(`createQuerySet ${label}: ${problem}`);
  else if (!range)
    state.errors.report(new OutOfMemoryError(`createQuerySet ${label}: there is no memory for it`));
  return new WasmQuerySet(state, descriptor, range);
}

/** Return a query set as one of this adapter. @throws TypeError for any other. */
export function querySetOf(querySet: GPUQuerySet): WasmQuerySet {
  if (querySet instanceof WasmQuerySet) return querySet;
  throw new TypeError('the query set is of another adapter');
}
