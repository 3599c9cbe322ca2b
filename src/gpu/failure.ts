/** What went wrong on a device: the first failure counts, as later ones follow from it, and a loss explains them all. */
import { GpuError } from '../base/errors.ts';

/** What to do about a lost device, for those who do not open another one themselves. */
const AFTER_LOSS = 'open another device; a training goes on from its last checkpoint';
/** Within this time after something failed, the device says that it is lost, if it is. */
const LOSS_NOTICE_MS = 50;

/** Listens to a device's own reports, and is told of other failures. */
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

  /** Remembers a failure unless there is one already. */
  report(code: string, message: string, fix: string): void {
    this.add(new GpuError(message, { code, where: this.#where, fix }));
  }

  /** Remembers an error unless there is one already. */
  add(error: GpuError): void {
    this.#error ??= error;
  }

  /** The first use of an invalid pipeline may have been reported already; that says less than this does. */
  reportKernel(name: string, message: string): void {
    if (this.#error?.code === 'GPU_ERROR') this.#error = undefined;
    this.report('KERNEL_INVALID', `kernel ${name}: ${message}`, 'report it with the adapter');
  }

  /** @throws GpuError what failed, if anything did. */
  throwIfAny(): void {
    if (this.#error) throw this.#error;
  }

  /** Whether the adapter took the device away. */
  async isLoss(): Promise<boolean> {
    await Promise.race([this.#loss, new Promise((resolve) => setTimeout(resolve, LOSS_NOTICE_MS))]);
    return this.#error?.code === 'DEVICE_LOST';
  }

  /** From now on a loss is no failure: the device is being destroyed. */
  expectLoss(): void {
    this.#expectsLoss = true;
  }
}
