/** Buffers: ranges of the device's memory, their creation, mapping and end. */
import { BufferUsage, MapMode } from './constants.ts';
import { OutOfMemoryError } from './errors.ts';
import type { Range } from './executor.ts';
import { Mapping } from './mapping.ts';
import { type DeviceState, nameOf, rangeProblem } from './state.ts';

/** The buffer of an invalid descriptor, or of one for which there was no memory. */
const NOWHERE: Range = { address: 0, bytes: 0 };

export class WasmBuffer implements GPUBuffer {
  declare readonly __brand: 'GPUBuffer';
  label: string;
  readonly size: number;
  readonly usage: number;
  /** Its bytes. After `destroy` they may belong to another buffer. */
  readonly range: Range;
  /** False if it could not be made. */
  readonly isValid: boolean;
  /** The latest submission that uses it. */
  lastUse = 0;
  readonly #state: DeviceState;
  #isDestroyed = false;
  #mapping: Mapping | undefined;
  /** Rejects the call of `mapAsync` that has not been answered. */
  #cancel: ((reason: Error) => void) | undefined;

  constructor(state: DeviceState, descriptor: GPUBufferDescriptor, range: Range | undefined) {
    const { label = '', size, usage, mappedAtCreation = false } = descriptor;
    this.#state = state;
    this.label = label;
    this.size = size;
    this.usage = usage;
    this.range = range ?? NOWHERE;
    this.isValid = range !== undefined;
    if (mappedAtCreation) this.#mapping = new Mapping(state.memory, this.range, { writes: true });
  }

  get mapState(): GPUBufferMapState {
    if (this.#cancel) return 'pending';
    return this.#mapping ? 'mapped' : 'unmapped';
  }

  /** Return the reason why a submission cannot use it; undefined if it can. */
  get submissionProblem(): string | undefined {
    if (this.#isDestroyed) return `${nameOf('buffer', this)} was destroyed`;
    if (this.mapState !== 'unmapped') return `${nameOf('buffer', this)} is mapped`;
    return undefined;
  }

  mapAsync(mode: GPUMapModeFlags, offset = 0, size = Math.max(0, this.size - offset)): Promise<undefined> {
    const problem = this.#mapProblem(mode, offset, size);
    if (problem !== undefined) {
      const message = `mapAsync of ${nameOf('buffer', this)}: ${problem}`;
      this.#state.errors.invalid(message);
      return Promise.reject(new DOMException(message, 'OperationError'));
    }
    return new Promise((resolve, reject) => {
      this.#cancel = reject;
      this.#state.submissions.flush();
      this.#state.submissions.done(this.lastUse).then(() => {
        if (this.#cancel !== reject) return;
        if (this.#state.isLost) {
          this.#abort('the device is lost');
          return;
        }
        this.#cancel = undefined;
        const range = { address: this.range.address + offset, bytes: size };
        this.#state.executor.reading?.(range);
        this.#mapping = new Mapping(this.#state.memory, range, { offset, writes: mode === MapMode.WRITE });
        resolve(undefined);
      });
    });
  }

  getMappedRange(offset = 0, size = Math.max(0, this.size - offset)): ArrayBuffer {
    if (this.#mapping) return this.#mapping.view(offset, size);
    throw new DOMException(`getMappedRange: ${nameOf('buffer', this)} is not mapped`, 'OperationError');
  }

  unmap(): undefined {
    this.#abort('the buffer was unmapped before it was mapped');
    for (const range of this.#mapping?.end() ?? []) this.#state.executor.written?.(range);
    this.#mapping = undefined;
  }

  destroy(): undefined {
    if (this.#isDestroyed) return;
    this.unmap();
    this.#isDestroyed = true;
    if (this.isValid) this.#state.submissions.freeAfter(this.lastUse, this.range);
  }

  #abort(reason: string): void {
    this.#cancel?.(new DOMException(`mapAsync of ${nameOf('buffer', this)}: ${reason}`, 'AbortError'));
    this.#cancel = undefined;
  }

  #mapProblem(mode: number, offset: number, size: number): string | undefined {
    if (!this.isValid) return 'it is invalid';
    if (this.#isDestroyed) return 'it was destroyed';
    if (this.#state.isLost) return 'the device is lost';
    if (this.mapState !== 'unmapped')
      return `it is ${this.mapState === 'mapped' ? 'mapped' : 'being mapped'}`;
    if (mode !== MapMode.READ && mode !== MapMode.WRITE) return `mode ${mode} is neither READ nor WRITE`;
    const needed = mode === MapMode.READ ? 'MAP_READ' : 'MAP_WRITE';
    if ((this.usage & BufferUsage[needed]) === 0) return `its usage lacks ${needed}`;
    if (size % 4 !== 0) return `size ${size} is not a multiple of 4`;
    return rangeProblem(offset, size, { size: this.size, alignment: 8 });
  }
}

/** Return the reason why a descriptor is invalid; undefined if it is valid. */
function descriptorProblem({ size, usage }: GPUBufferDescriptor, most: number): string | undefined {
  const { MAP_READ, MAP_WRITE, COPY_SRC, COPY_DST } = BufferUsage;
  if (usage === 0) return 'its usage is 0';
  if ((usage & MAP_READ) !== 0 && (usage & ~(MAP_READ | COPY_DST)) !== 0)
    return 'MAP_READ goes only with COPY_DST';
  if ((usage & MAP_WRITE) !== 0 && (usage & ~(MAP_WRITE | COPY_SRC)) !== 0)
    return 'MAP_WRITE goes only with COPY_SRC';
  if (size > most) return `${size} bytes exceed maxBufferSize, ${most}`;
  return undefined;
}

/** Make a buffer of zeros. It is invalid after an error. @throws RangeError if it cannot be mapped at its creation. */
export function createBuffer(state: DeviceState, descriptor: GPUBufferDescriptor): WasmBuffer {
  const { size, mappedAtCreation = false, label = '' } = descriptor;
  if (mappedAtCreation && size % 4 !== 0)
    throw new RangeError(`createBuffer: a buffer of ${size} bytes, not a multiple of 4, cannot be mapped`);
  const problem = descriptorProblem(descriptor, state.limits.maxBufferSize);
  if (problem !== undefined) {
    state.errors.invalid(`createBuffer ${label}: ${problem}`);
    return new WasmBuffer(state, { ...descriptor, mappedAtCreation: false }, undefined);
  }
  const range = state.memory.allocateZeros(size);
  if (range) {
    state.executor.allocated?.(range);
    return new WasmBuffer(state, descriptor, range);
  }
  const message = `createBuffer ${label}: ${size} bytes of memory are not to be had beside ${state.memory.usedBytes} in use`;
  if (mappedAtCreation) throw new RangeError(message);
  state.errors.report(new OutOfMemoryError(message));
  return new WasmBuffer(state, descriptor, undefined);
}

/** Return a buffer as one of this adapter. @throws TypeError for any other. */
export function bufferOf(buffer: GPUBuffer): WasmBuffer {
  if (buffer instanceof WasmBuffer) return buffer;
  throw new TypeError('the buffer is of another adapter');
}
