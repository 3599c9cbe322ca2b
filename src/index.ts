/** The common exports of both entry points; `index.node.ts` and `index.browser.ts` add `openDevice`. */
import type { AdapterOptions } from './gpu/adapterOptions.ts';
import type { Tuning } from './gpu/autoTuning.ts';
import type { DeviceOptions } from './gpu/device.ts';

export { ArgumentError } from './base/arguments.ts';
export { type ErrorDetails, GpuError, MathformerError, ShapeError } from './base/errors.ts';
export type { AdapterOptions } from './gpu/adapterOptions.ts';
export { AdapterError, type AdapterErrorCode } from './gpu/adapters/error.ts';
export type { Tuning } from './gpu/autoTuning.ts';
export type {
  BufferView,
  IntegerBounds,
  Memory,
  MemoryReport,
  PooledBuffer,
  Postponed,
  Scope,
} from './gpu/buffers.ts';
export type { CheckedUse } from './gpu/commands.ts';
export {
  Device,
  type DeviceCounters,
  type DeviceLimits,
  type DeviceOptions,
  type MatmulPrecision,
  type ReadWatcher,
  type Recording,
} from './gpu/device.ts';
export type { Doubt, Doubts } from './gpu/doubts.ts';
export type { CheckedPlace, Describe } from './gpu/faults.ts';
export {
  type AnyBindings,
  type BindingsOf,
  type BindingTypes,
  defineKernel,
  type Kernel,
  type KernelSpec,
  type Launch,
  launchOf,
  type OptionalNames,
  type ScalarType,
  type Workgroups,
} from './gpu/kernel.ts';
export type { KernelChoices, TunedChoice } from './gpu/kernelChoices.ts';
export type { ProfiledDispatch } from './gpu/profiler.ts';
export type { JointRead } from './gpu/reader.ts';
export {
  type AnyTuningCase,
  type Candidate,
  choicesOf,
  type TuneOptions,
  type TuningCase,
  type TuningResult,
  tune,
} from './gpu/tuning.ts';
export type { Family, Variant } from './gpu/variants.ts';
export type { WriteTimes } from './gpu/writeTimes.ts';
export * from './tensor/index.ts';

/** Options of `openDevice`: the choice of an adapter, and the options of the device. */
export interface OpenDeviceOptions extends AdapterOptions, DeviceOptions {
  /**
   * Use the kernels that were found to be the fastest on this adapter, and let `tuneFor` of `mathformer/model` find more: `auto` on
   * GPUs, `always` on every adapter. Choices are kept below ~/.cache/mathformer in Node, in IndexedDB in a browser. Default:
   * `never`.
   */
  readonly tune?: Tuning;
}
