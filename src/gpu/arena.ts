/**
 * A uniform buffer filled on the CPU and written to the GPU in one piece: the parameters of many launches, and small
 * uploads, one behind the other.
 */
import { USAGE } from './buffers.ts';
import { evaluate, type Kernel, type Scalar } from './kernel.ts';

export const ARENA_BYTES = 1 << 20;

export class Arena {
  readonly gpu: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #alignment: number;
  readonly #bytes = new Uint8Array(ARENA_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #used = 0;

  constructor(device: GPUDevice, label: string) {
    this.#device = device;
    this.#alignment = device.limits.minUniformBufferOffsetAlignment;
    const usage = USAGE.uniform | USAGE.copyDst | USAGE.copySrc;
    this.gpu = device.createBuffer({ size: ARENA_BYTES, usage, label });
  }

  /** Whether `bytes` more fit, wherever the next value has to start. */
  hasRoom(bytes: number): boolean {
    return this.#used + bytes + this.#alignment + 16 <= ARENA_BYTES;
  }

  /** Writes a kernel's parameters and returns their offset. */
  addParams(kernel: Kernel, params: Readonly<Record<string, Scalar>>): number {
    const offset = Math.ceil(this.#used / this.#alignment) * this.#alignment;
    kernel.paramNames.forEach((name, i) => {
      const at = offset + 4 * i;
      const value = evaluate(params[name] as Scalar);
      if (kernel.paramTypes[i] === 'f32') this.#view.setFloat32(at, value, true);
      else if (kernel.paramTypes[i] === 'i32') this.#view.setInt32(at, value, true);
      else this.#view.setUint32(at, value, true);
    });
    this.#used = offset + kernel.paramBytes;
    return offset;
  }

  /** Writes bytes at a multiple of 4 and returns their offset. */
  addBytes(data: ArrayBufferView<ArrayBuffer>): number {
    const offset = Math.ceil(this.#used / 4) * 4;
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    this.#used = offset + data.byteLength;
    return offset;
  }

  /** Enqueues the write of everything added since `reset`. */
  write(): void {
    if (this.#used === 0) return;
    this.#device.queue.writeBuffer(this.gpu, 0, this.#bytes, 0, Math.ceil(this.#used / 16) * 16);
  }

  reset(): void {
    this.#used = 0;
  }
}
