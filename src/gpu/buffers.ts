/**
 * GPU memory: a pool of storage buffers in size classes, and scopes that release the buffers allocated inside them. Buffers
 * outside of scopes are released when nothing refers to them. A released buffer is reused at once: commands run in the order
 * of their encoding, so a later user cannot overtake an earlier one.
 */
import { GpuError } from '../base/errors.ts';
import type { DeviceLimits } from './deviceOptions.ts';
import { type Doubts, NO_DOUBTS } from './doubts.ts';
import { WriteTimes } from './writeTimes.ts';

/** WebGPU's usage bits. Node has no such globals. */
export const USAGE = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 64, storage: 128 } as const;
const STORAGE_USAGE = USAGE.storage | USAGE.copySrc | USAGE.copyDst;

/** Minimum size of a view, in bytes: WGSL requires it for an `array<vec4f>`, even of an empty tensor. */
export const MIN_VIEW_BYTES = 16;
/** Label of buffers that were allocated without one. */
const UNNAMED = 'tensors';

/** A WebGPU buffer, with an identity that serves as a key in caches of bind groups. */
export interface Memory {
  readonly id: number;
  readonly gpu: GPUBuffer;
}

/**
 * One use of a buffer of the pool. The next user of the same memory gets a new object, so that former holders can see that
 * theirs was released.
 */
export class PooledBuffer {
  /** Capacity in bytes. */
  readonly bytes: number;
  /** Its purpose, as in `memory().holders`. */
  label: string;
  released = false;
  /** Number of in-place changes of values from which caches may be derived, such as parameters. */
  version = 0;
  /** The recording that last changed the values. While it is being made, they have not changed yet. */
  changedIn: object | undefined;
  /** Possible faults of its values, and of results that use them as indices. */
  doubts: Doubts = NO_DOUBTS;
  doubtsAsIndex: Doubts = NO_DOUBTS;
  /** Number of used bytes, from its start. */
  used = 0;
  /** True if writes to it are noted. False for the list of faults, on which no value depends. */
  tracked = true;
  /** Times of writes to its ranges. */
  readonly times = new WriteTimes();
  /** Smallest and largest of its integers, if they came from the host and nothing has written since. */
  bounds: IntegerBounds | undefined;
  /** Changes of its values that are still to be encoded. */
  postponed: Postponed | undefined;
  /** Cached views derived from its values. They are released with it. */
  derived: BufferView[] | undefined;
  /** True if it releases its memory. Intermediate buffers of a recording only borrow theirs. */
  owner: boolean;
  #memory: Memory | undefined;

  constructor(bytes: number, label: string, memory?: Memory) {
    this.bytes = bytes;
    this.label = label;
    this.owner = memory !== undefined;
    this.#memory = memory;
  }

  /** @throws GpuError for a buffer of a recording that is still being made. */
  get memory(): Memory {
    if (this.#memory) return this.#memory;
    throw new GpuError('a tensor made inside a recording has no values yet', {
      code: 'NOT_RECORDABLE',
      where: 'record',
      fix: 'return it from the recorded function and read it after a replay',
    });
  }

  get gpu(): GPUBuffer {
    return this.memory.gpu;
  }

  get id(): number {
    return this.memory.id;
  }

  /** Lend memory to a buffer that was made without any. */
  lend(memory: Memory): void {
    this.#memory = memory;
  }

  /** Give the buffer memory that it owns. */
  give(memory: Memory, label: string): void {
    this.#memory = memory;
    this.owner = true;
    this.label = label;
  }
}

/** Changes of a buffer that are encoded later: at the latest before another command uses the values that they change. */
export interface Postponed {
  /** Return true if they change values in this range. */
  affect(view: BufferView): boolean;
  /** Encode them. */
  complete(): void;
}

/** The smallest and the largest of some integers. */
export interface IntegerBounds {
  readonly low: number;
  readonly high: number;
}

/** A WebGPU buffer and an offset in it. */
export interface BufferPlace {
  readonly gpu: GPUBuffer;
  readonly offset: number;
}

/** A byte range of a buffer, which kernels bind. */
export interface BufferView {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** A report on GPU memory. */
export interface MemoryReport {
  /** Bytes in live buffers. */
  readonly liveBytes: number;
  readonly liveBuffers: number;
  /** Bytes in free buffers kept for reuse. */
  readonly pooledBytes: number;
  /** Bytes in buffers that reads copy results to, beside the others. */
  readonly stagingBytes: number;
  /** Bytes that can still be allocated: up to the device's `memoryLimit`, or Infinity without one. */
  readonly availableBytes: number;
  readonly peakBytes: number;
  /** Number of buffers ever created. It stays constant once a loop is warm. */
  readonly created: number;
  /** Live bytes by purpose. */
  readonly holders: Readonly<Record<string, number>>;
}

/** A scope of allocations. When it is disposed of, everything allocated meanwhile is released, except kept views. */
export interface Scope extends Disposable {
  /** Let `view` outlive this scope. It then belongs to the enclosing scope, or lives as long as it is referenced. */
  keep(view: BufferView): void;
}

/**
 * Round a size up to its class: powers of two up to 64 KiB, then sixteenths of the next power, so that at most 12.5 % is wasted
 * and there are few classes.
 */
export function sizeClass(bytes: number): number {
  const least = Math.max(256, bytes);
  const power = 2 ** Math.ceil(Math.log2(least));
  if (power <= 65_536) return power;
  const step = power / 16;
  return Math.ceil(least / step) * step;
}

/** Return a view of the first `bytes` bytes of a buffer. */
export function viewOf(buffer: PooledBuffer, bytes: number): BufferView {
  return { buffer, offset: 0, bytes: Math.max(MIN_VIEW_BYTES, Math.ceil(bytes / 4) * 4) };
}

/** Return the WebGPU buffer and the offset of a view. */
export const placeOf = ({ buffer, offset }: BufferView): BufferPlace => ({ gpu: buffer.gpu, offset });

/** Note that a command writes to `view`. */
export function noteWrite({ buffer, offset, bytes }: BufferView): void {
  if (!buffer.tracked) return;
  buffer.times.note(offset, bytes);
  buffer.bounds = undefined;
}

export interface PoolEvents {
  /** Called before free buffers are destroyed: submit commands that use them, and drop caches that refer to them. */
  destroying(): void;
  outOfMemory(error: GpuError): void;
}

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #events: PoolEvents;
  /** Maximum size of a tensor and of a buffer, in bytes. */
  readonly #largest: { readonly binding: number; readonly buffer: number };
  /** Maximum number of bytes, live and pooled. */
  readonly #limit: number;
  readonly #free = new Map<number, Memory[]>();
  readonly #scopes: Set<PooledBuffer>[] = [];
  readonly #holders = new Map<string, number>();
  readonly #collected: FinalizationRegistry<{ memory: Memory; bytes: number; label: string }>;
  #created = 0;
  #liveBytes = 0;
  #liveBuffers = 0;
  #pooledBytes = 0;
  #peakBytes = 0;

  constructor(
    device: GPUDevice,
    events: PoolEvents,
    {
      maxBufferSize: buffer,
      maxStorageBufferBindingSize,
    }: Pick<DeviceLimits, 'maxBufferSize' | 'maxStorageBufferBindingSize'>,
    limit = Number.POSITIVE_INFINITY,
  ) {
    this.#device = device;
    this.#events = events;
    const binding = Math.floor(Math.min(maxStorageBufferBindingSize, buffer) / 16) * 16;
    this.#largest = { binding, buffer };
    this.#limit = limit;
    this.#collected = new FinalizationRegistry(({ memory, bytes, label }) =>
      this.#take(memory, bytes, label),
    );
  }

  /** Allocate a view of `bytes` bytes (at least 16) with undefined contents. A `persistent` view belongs to no scope. */
  allocate(bytes: number, label = UNNAMED, persistent = false): BufferView {
    const buffer = this.#allocate(this.capacity(bytes), label, persistent);
    const view = viewOf(buffer, bytes);
    buffer.used = view.bytes;
    return view;
  }

  /** Allocate a persistent buffer of at least `bytes` bytes for tensors that share it; it may be larger than a binding. */
  reserve(bytes: number, label: string): PooledBuffer {
    return this.#allocate(this.#capacity(bytes), label, true);
  }

  /** Return the capacity of a tensor's buffer, in bytes. @throws GpuError if the tensor exceeds a binding. */
  capacity(bytes: number): number {
    const { binding } = this.#largest;
    if (bytes <= binding) return this.#capacity(bytes);
    throw new GpuError(
      `a tensor of ${bytes} bytes exceeds this adapter's limit of ${binding} bytes per binding`,
      { code: 'OUT_OF_MEMORY', where: 'allocate', fix: 'use a smaller batch or shorter sequences' },
    );
  }

  /** Give memory to a buffer that was made without any and belongs to no scope. */
  provide(buffer: PooledBuffer, label: string): void {
    buffer.give(this.#memory(buffer.bytes), label);
    this.#hold(buffer.bytes, label);
    this.#releaseWhenCollected(buffer);
  }

  /** Let the innermost scope release a buffer that the pool did not make. */
  adopt(buffer: PooledBuffer): void {
    this.#scopes.at(-1)?.add(buffer);
  }

  /** Remove a buffer from its scope. */
  disown(buffer: PooledBuffer): void {
    for (const scope of this.#scopes) scope.delete(buffer);
  }

  /** Release the view's buffer. Releasing it twice is harmless. */
  release({ buffer }: BufferView): void {
    if (buffer.released) return;
    buffer.released = true;
    this.disown(buffer);
    for (const view of buffer.derived ?? []) this.release(view);
    if (!buffer.owner) return;
    this.#collected.unregister(buffer);
    this.#take(buffer.memory, buffer.bytes, buffer.label);
  }

  scope(): Scope {
    const buffers = new Set<PooledBuffer>();
    this.#scopes.push(buffers);
    return {
      keep: ({ buffer }) => {
        if (!buffers.delete(buffer)) return;
        const outer = this.#scopes[this.#scopes.indexOf(buffers) - 1];
        if (outer) outer.add(buffer);
        else if (buffer.owner) this.#releaseWhenCollected(buffer);
      },
      [Symbol.dispose]: () => {
        const at = this.#scopes.indexOf(buffers);
        if (at < 0) return;
        this.#scopes.splice(at, 1);
        // Newest last in the free list: the next run of the same code gets the same buffers in the same order, and with
        // them the same cached bind groups.
        for (const buffer of [...buffers].reverse()) this.release({ buffer, offset: 0, bytes: buffer.bytes });
      },
    };
  }

  /** Destroy every free buffer. */
  trim(): void {
    this.#events.destroying();
    for (const memories of this.#free.values()) for (const { gpu } of memories) gpu.destroy();
    this.#free.clear();
    this.#pooledBytes = 0;
  }

  report(): Omit<MemoryReport, 'stagingBytes'> {
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#liveBuffers,
      pooledBytes: this.#pooledBytes,
      availableBytes: Math.max(0, this.#limit - this.#liveBytes),
      peakBytes: this.#peakBytes,
      created: this.#created,
      holders: Object.fromEntries(this.#holders),
    };
  }

  #capacity(bytes: number): number {
    return Math.min(sizeClass(bytes), Math.floor(this.#largest.buffer / 16) * 16);
  }

  #allocate(capacity: number, label: string, persistent: boolean): PooledBuffer {
    const buffer = new PooledBuffer(capacity, label, this.#memory(capacity));
    this.#hold(capacity, label);
    const scope = persistent ? undefined : this.#scopes.at(-1);
    if (scope) scope.add(buffer);
    else this.#releaseWhenCollected(buffer);
    return buffer;
  }

  #releaseWhenCollected(buffer: PooledBuffer): void {
    const { memory, bytes, label } = buffer;
    this.#collected.register(buffer, { memory, bytes, label }, buffer);
  }

  #memory(bytes: number): Memory {
    const memory = this.#free.get(bytes)?.pop();
    if (!memory) return this.#create(bytes);
    this.#pooledBytes -= bytes;
    return memory;
  }

  #create(bytes: number): Memory {
    if (this.#liveBytes + this.#pooledBytes + bytes > this.#limit) this.trim();
    if (this.#liveBytes + bytes > this.#limit)
      throw this.#outOfMemory(bytes, `a limit of ${this.#limit} bytes`);
    this.#device.pushErrorScope('out-of-memory');
    const gpu = this.#device.createBuffer({ size: bytes, usage: STORAGE_USAGE });
    const failure = this.#outOfMemory.bind(this, bytes);
    this.#device.popErrorScope().then(
      (error) => {
        if (error) this.#events.outOfMemory(failure(error.message));
      },
      () => {}, // the device was lost, which is told elsewhere
    );
    return { id: ++this.#created, gpu };
  }

  #outOfMemory(bytes: number, reason: string): GpuError {
    const holders = [...this.#holders].sort(([, a], [, b]) => b - a).slice(0, 5);
    const held = holders.map(([label, size]) => `${label} ${size}`).join(', ');
    return new GpuError(
      `${bytes} bytes of GPU memory were asked for beside ${this.#liveBytes} in use (${held || 'nothing'}): ${reason}`,
      {
        code: 'OUT_OF_MEMORY',
        where: 'allocate',
        fix: 'use smaller batches, micro-batches or groups, or shorter sequences; in a loop of your own, begin every step with `using scope = device.scope()`, or else tensors are freed only when JavaScript collects them',
      },
    );
  }

  #hold(bytes: number, label: string): void {
    this.#liveBytes += bytes;
    this.#liveBuffers += 1;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    this.#holders.set(label, (this.#holders.get(label) ?? 0) + bytes);
  }

  /** Take memory back from its former holder. */
  #take(memory: Memory, bytes: number, label: string): void {
    this.#liveBytes -= bytes;
    this.#liveBuffers -= 1;
    this.#pooledBytes += bytes;
    const held = (this.#holders.get(label) ?? 0) - bytes;
    if (held > 0) this.#holders.set(label, held);
    else this.#holders.delete(label);
    const free = this.#free.get(bytes);
    if (free) free.push(memory);
    else this.#free.set(bytes, [memory]);
  }
}
