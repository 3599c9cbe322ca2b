/**
 * GPU memory: a pool of storage buffers in size classes, and scopes that return what was allocated inside them.
 * A released buffer is handed out again at once: commands run in the order they were encoded, so a later user can
 * never overtake an earlier one.
 */
import { GpuError } from '../errors.ts';

/** WebGPU's usage bits, spelt out because Node has no such globals. */
export const USAGE = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 64, storage: 128 } as const;
const STORAGE_USAGE = USAGE.storage | USAGE.copySrc | USAGE.copyDst;

/** WGSL wants this much behind an `array<vec4f>` even where nothing of it is read, as with empty tensors. */
const MIN_VIEW_BYTES = 16;

/**
 * One use of a buffer of the pool, with an identity that bind-group caches can use as a key. The next user of the
 * same memory gets an object of its own: whoever still holds this one sees that it was released.
 */
export interface PooledBuffer {
  readonly id: number;
  readonly gpu: GPUBuffer;
  /** Capacity in bytes. */
  readonly bytes: number;
  released: boolean;
}

/** A byte range of a buffer: what a kernel binds. */
export interface BufferView {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly bytes: number;
}

export interface MemoryReport {
  /** Bytes in buffers that someone holds. */
  readonly liveBytes: number;
  readonly liveBuffers: number;
  /** Bytes in free buffers kept for reuse. */
  readonly pooledBytes: number;
  readonly peakBytes: number;
  /** Buffers ever created: constant once a loop is warm. */
  readonly created: number;
}

/** Everything allocated while a scope is open is released when it closes, except what was kept. */
export interface Scope extends Disposable {
  /** Lets `view` outlive this scope; it then belongs to the enclosing one, or to the caller. */
  keep(view: BufferView): void;
}

/** A scope that can be left without being closed: its buffers stay in use until it is disposed of. */
export interface HeldScope extends Disposable {
  /** Stops collecting; buffers stay allocated. */
  leave(): void;
}

/** Powers of two up to 64 KiB, then eighths of one: at most 12.5 % is wasted and few classes exist. */
export function sizeClass(bytes: number): number {
  const least = Math.max(256, bytes);
  const power = 2 ** Math.ceil(Math.log2(least));
  if (power <= 65_536) return power;
  const step = power / 16;
  return Math.ceil(least / step) * step;
}

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, PooledBuffer[]>();
  readonly #scopes: Set<PooledBuffer>[] = [];
  /** Buffers that replays will use again: not to be released one by one. */
  #held: Set<PooledBuffer> | undefined;
  readonly #onDestroy: (buffer: PooledBuffer) => void;
  #created = 0;
  #liveBytes = 0;
  #liveBuffers = 0;
  #pooledBytes = 0;
  #peakBytes = 0;

  constructor(device: GPUDevice, onDestroy: (buffer: PooledBuffer) => void) {
    this.#device = device;
    this.#onDestroy = onDestroy;
  }

  /** A view of `bytes` bytes (at least 16) with unspecified contents; `persistent` ones belong to no scope. */
  allocate(bytes: number, persistent = false): BufferView {
    const capacity = sizeClass(bytes);
    const limit = this.#device.limits.maxStorageBufferBindingSize;
    if (bytes > limit) {
      throw new GpuError(
        `a tensor of ${bytes} bytes exceeds this adapter's limit of ${limit} bytes per binding`,
        {
          code: 'OUT_OF_MEMORY',
          where: 'allocate',
          fix: 'use a smaller batch or shorter sequences',
        },
      );
    }
    const free = this.#free.get(capacity)?.pop();
    let buffer: PooledBuffer;
    if (free === undefined) {
      const gpu = this.#device.createBuffer({ size: capacity, usage: STORAGE_USAGE });
      buffer = { id: ++this.#created, gpu, bytes: capacity, released: false };
    } else {
      buffer = { ...free, released: false };
      this.#pooledBytes -= capacity;
    }
    this.#liveBytes += capacity;
    this.#liveBuffers += 1;
    this.#peakBytes = Math.max(this.#peakBytes, this.#liveBytes);
    // What replays will use must not go back to the pool with a scope inside the recorded code.
    if (!persistent) (this.#held ?? this.#scopes.at(-1))?.add(buffer);
    return { buffer, offset: 0, bytes: Math.max(MIN_VIEW_BYTES, Math.ceil(bytes / 4) * 4) };
  }

  /** Gives the view's buffer back. Releasing twice is harmless. */
  release(view: BufferView): void {
    const { buffer } = view;
    if (buffer.released || this.#held?.has(buffer)) return;
    buffer.released = true;
    for (const scope of this.#scopes) scope.delete(buffer);
    this.#liveBytes -= buffer.bytes;
    this.#liveBuffers -= 1;
    this.#pooledBytes += buffer.bytes;
    const free = this.#free.get(buffer.bytes);
    if (free === undefined) this.#free.set(buffer.bytes, [buffer]);
    else free.push(buffer);
  }

  scope(): Scope {
    const buffers = new Set<PooledBuffer>();
    this.#scopes.push(buffers);
    return {
      keep: (view) => {
        if (!buffers.delete(view.buffer)) return;
        const outer = this.#scopes[this.#scopes.indexOf(buffers) - 1];
        outer?.add(view.buffer);
      },
      [Symbol.dispose]: () => {
        const at = this.#scopes.indexOf(buffers);
        if (at < 0) return;
        this.#scopes.splice(at, 1);
        // Newest last in the free list: the next pass through the same code gets the same buffers in the same
        // order, and with them the same cached bind groups.
        for (const buffer of [...buffers].reverse()) this.release({ buffer, offset: 0, bytes: buffer.bytes });
      },
    };
  }

  /** Collects what is allocated until `leave`, ignoring releases in between, and frees it on disposal. */
  hold(): HeldScope {
    const buffers = new Set<PooledBuffer>();
    this.#scopes.push(buffers);
    this.#held = buffers;
    return {
      leave: () => {
        this.#held = undefined;
        this.#scopes.splice(this.#scopes.indexOf(buffers), 1);
      },
      [Symbol.dispose]: () => {
        for (const buffer of buffers) this.release({ buffer, offset: 0, bytes: buffer.bytes });
        buffers.clear();
      },
    };
  }

  /** Destroys every free buffer. */
  trim(): void {
    for (const buffers of this.#free.values()) {
      for (const buffer of buffers) {
        this.#onDestroy(buffer);
        buffer.gpu.destroy();
      }
    }
    this.#free.clear();
    this.#pooledBytes = 0;
  }

  report(): MemoryReport {
    return {
      liveBytes: this.#liveBytes,
      liveBuffers: this.#liveBuffers,
      pooledBytes: this.#pooledBytes,
      peakBytes: this.#peakBytes,
      created: this.#created,
    };
  }
}
