/** The failure of a device: the first one counts, as later ones follow from it; a loss explains all. */
import { GpuError } from '../base/errors.ts';

/** The fix for a lost device, for callers that do not open another one. */
const AFTER_LOSS = 'open another device; a training goes on from its last checkpoint';
/** Milliseconds after a failure within which a lost device reports its loss. */
const LOSS_NOTICE_MS = 50;

/** Collect a device's own reports, and other failures. */
export class Failure {
  readonly #where: string;
  readonly #loss: Promise<void>;
  #error: GpuError | undefined;
  #expectsLoss = false;

  constructor(gpu: GPUDevice) {
    this.#where = gpu.adapterInfo.description || 'device';
    gpu.addEventListener('uncapturederror', ({ error }) => {
      this.report('GPU_ERROR', error.message, 'report this kernel and adapter, or try another --adapter');
    });
    this.#loss = gpu.lost.then(({ message }) => {
      if (this.#expectsLoss) return;
      this.#error = undefined;
      this.report('DEVICE_LOST', `the device was lost: ${message}`, AFTER_LOSS);
    });
  }

  /** Record a failure, unless there is one already. */
  report(code: string, message: string, fix: string): void {
    this.add(new GpuError(message, { code, where: this.#where, fix }));
  }

  /** Record an error, unless there is one already. */
  add(error: GpuError): void {
    this.#error ??= error;
  }

  /** Record an invalid kernel. It replaces the failure of its first use, which says less. */
  reportKernel(name: string, message: string): void {
    if (this.#error?.code === 'GPU_ERROR') this.#error = undefined;
    this.report('KERNEL_INVALID', `kernel ${name}: ${message}`, 'report it with the adapter');
  }

  /** @throws GpuError if there was a failure. */
  throwIfAny(): void {
    if (this.#error) throw this.#error;
  }

  /** Resolve to true if the device was lost. */
  async isLoss(): Promise<boolean> {
    await Promise.race([this.#loss, new Promise((resolve) => setTimeout(resolve, LOSS_NOTICE_MS))]);
    return this.#error?.code === 'DEVICE_LOST';
  }

  /** Ignore losses from now on: the device is being destroyed. */
  expectLoss(): void {
    this.#expectsLoss = true;
  }
}
