/** Query sets of timestamps: u64 nanoseconds in the device's memory. */
import { OutOfMemoryError } from './errors.ts';
import type { Range } from './executor.ts';
import { type DeviceState, nameOf } from './state.ts';
import { unsupported } from './unsupported.ts';

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

/** Make a query set. @throws TypeError for a type that the device has not. */
export function createQuerySet(state: DeviceState, descriptor: GPUQuerySetDescriptor): WasmQuerySet {
  const { label = '', count, type } = descriptor;
  if (type !== 'timestamp') unsupported(`a query of type ${type}`, 'timestamp');
  if (!state.features.has('timestamp-query'))
    throw new TypeError("createQuerySet: the device was requested without the feature 'timestamp-query'");
  const isValid = count <= MOST_QUERIES;
  const range = isValid ? state.memory.allocateZeros(count * QUERY_BYTES) : undefined;
  if (!isValid) state.errors.invalid(`createQuerySet ${label}: ${count} queries exceed ${MOST_QUERIES}`);
  else if (!range)
    state.errors.report(new OutOfMemoryError(`createQuerySet ${label}: there is no memory for it`));
  if (range) state.executor.allocated?.(range);
  return new WasmQuerySet(state, descriptor, range);
}

/** Return a query set as one of this adapter. @throws TypeError for any other. */
export function querySetOf(querySet: GPUQuerySet): WasmQuerySet {
  if (querySet instanceof WasmQuerySet) return querySet;
  throw new TypeError('the query set is of another adapter');
}
