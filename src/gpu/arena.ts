/**
 * A uniform buffer that is filled on the CPU and written to the GPU in one or two pieces. Parameters of dispatches grow from
 * its start, small uploads from its end. So the offset of parameters depends only on earlier dispatches: when the same
 * dispatches come again, their bind groups can be reused, whatever the size of the uploads between.
 */
import { USAGE } from './buffers.ts';
import { type Kernel, type Scalar, scalarValue } from './kernel.ts';

const ARENA_BYTES = 1 << 20;

export class Arena {
  readonly gpu: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #alignment: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  /** End of the parameters, and start of the uploads, in bytes. */
  #used = 0;
  #uploads: number;

  constructor(device: GPUDevice, label: string, bytes = ARENA_BYTES) {
    this.#device = device;
    this.#alignment = device.limits.minUniformBufferOffsetAlignment;
    this.#bytes = new Uint8Array(bytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#uploads = bytes;
    const usage = USAGE.uniform | USAGE.copyDst | USAGE.copySrc;
    this.gpu = device.createBuffer({ size: bytes, usage, label });
  }

  /** Return the maximum size of the parameters of one dispatch, in bytes. */
  static room(device: GPUDevice, kernel: Kernel): number {
    const alignment = device.limits.minUniformBufferOffsetAlignment;
    return Math.ceil(kernel.paramBytes / alignment) * alignment;
  }

  /** Size of the parameters so far, in bytes. */
  get used(): number {
    return this.#used;
  }

  /** Return true if `bytes` more fit, including the alignment. */
  hasRoom(bytes: number): boolean {
    return this.#used + bytes + this.#alignment + 16 <= this.#uploads;
  }

  /** Add a kernel's parameters, and return their offset. */
  addParams(kernel: Kernel, params: Readonly<Record<string, Scalar>>): number {
    const offset = Math.ceil(this.#used / this.#alignment) * this.#alignment;
    this.setParams(kernel, params, offset);
    this.#used = offset + kernel.paramBytes;
    return offset;
  }

  /** Replace the parameters at `offset`. */
  setParams(kernel: Kernel, params: Readonly<Record<string, Scalar>>, offset: number): void {
    kernel.paramNames.forEach((name, i) => {
      const at = offset + 4 * i;
      const value = scalarValue(params[name] as Scalar);
      if (kernel.paramTypes[i] === 'f32') this.#view.setFloat32(at, value, true);
      else if (kernel.paramTypes[i] === 'i32') this.#view.setInt32(at, value, true);
      else this.#view.setUint32(at, value, true);
    });
  }

  /** Add bytes at a multiple of 4, and return their offset. */
  addBytes(data: ArrayBufferView<ArrayBuffer>): number {
    this.#uploads = Math.floor((this.#uploads - data.byteLength) / 4) * 4;
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), this.#uploads);
    return this.#uploads;
  }

  /** Return the first `length` bytes of parameters. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, length);
  }

  /** Enqueue the write of everything added since `reset`. */
  write(): void {
    for (const { at, bytes } of this.#pieces()) this.#device.queue.writeBuffer(this.gpu, at, bytes);
  }

  /** Copy everything added since `reset`. Return a function that enqueues its write. */
  copied(): () => void {
    const pieces = this.#pieces().map(({ at, bytes }) => ({ at, bytes: bytes.slice() }));
    return () => {
      for (const { at, bytes } of pieces) this.#device.queue.writeBuffer(this.gpu, at, bytes);
    };
  }

  reset(): void {
    this.#used = 0;
    this.#uploads = this.#bytes.length;
  }

  /** Return the used parts at both ends. */
  #pieces(): { readonly at: number; readonly bytes: Uint8Array<ArrayBuffer> }[] {
    const size = this.#bytes.length;
    const ranges = [
      [0, Math.min(Math.ceil(this.#used / 16) * 16, size)],
      [this.#uploads, size],
    ] as const;
    return ranges.flatMap(([from, to]) =>
      to > from ? [{ at: from, bytes: this.#bytes.subarray(from, to) }] : [],
    );
  }
}
