/**
 * Capture and replay: run a function of tensors and numbers once, record its commands for the shapes of its inputs, and
 * replay them in later calls, without tracing, allocation or creation of bind groups.
 *
 *     const step = capture(device, (x: Tensor, y: Tensor, lr: Scalar) => {
 *       parameters.zeroGrad();
 *       const loss = mean(square(sub(model(x), y)));
 *       backward(loss);
 *       optimizer.step(lr);
 *       return loss;
 *     });
 *     for (…) console.log(await step(xs, ys, 1e-3).item());
 */
import {
  boolean,
  expectKind,
  expectOptions,
  functionKind,
  instanceOf,
  integer,
  isPlain,
  type OptionKinds,
} from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import type { BufferView } from '../gpu/buffers.ts';
import { Device, type Recording } from '../gpu/device.ts';
import { type Scalar, scalarValue } from '../gpu/kernel.ts';
import { expectNoPromise, expectSynchronous } from './synchronous.ts';
import {
  bytesOf,
  copyValues,
  type DType,
  dtypeOf,
  type Shape,
  showShape,
  Tensor,
  type TensorData,
} from './tensor.ts';

/**
 * The argument for a parameter of a captured function: for a tensor also a one-dimensional array of values; for an object
 * the same for its members. All values may change from call to call.
 */
export type CaptureArgument<Parameter> = Parameter extends Tensor
  ? Tensor | TensorData
  : Parameter extends Scalar
    ? Scalar
    : Parameter extends object
      ? { readonly [name in keyof Parameter]: CaptureArgument<Parameter[name]> }
      : Parameter;

type Arguments<Parameters extends readonly unknown[]> = {
  [index in keyof Parameters]: CaptureArgument<Parameters[index]>;
};

/** Options of `capture`. */
export interface CaptureOptions {
  /** Maximum number of recordings, one for each combination of input shapes. The least recently used is dropped first. */
  readonly maxRecordings?: number;
  /** false runs the function in every call, for debugging or comparison. Default: true. */
  readonly replay?: boolean;
}

const OPTIONS: OptionKinds<CaptureOptions> = { maxRecordings: integer(1), replay: boolean };

/** A captured function. Call it like the original; dispose of it to free its recordings. */
export interface Captured<Parameters extends readonly unknown[], Result> extends Disposable {
  /**
   * Run or replay the function. Its inputs are constants. Returned tensors have no graph, and keep their values until the
   * next call with inputs of the same shapes, or until their recording is dropped.
   */
  (...inputs: Arguments<Parameters>): Result;
  /** Number of recordings made so far. More than the shapes in use means that recordings are dropped and made again. */
  readonly captures: number;
}

type Input = Tensor | TensorData | Scalar;
/** The memory to which an input is copied before a replay. */
type Slot = Tensor | { value: number };

interface Plan {
  readonly recording: Recording;
  readonly slots: readonly Slot[];
  /** The returned tensors, in arrays and objects. */
  readonly result: unknown;
}

/**
 * Return a function that equals `body` to the bit. It records `body` at the first call with inputs of given shapes and
 * dtypes, and replays the recording at later ones. `body` may return tensors, in arrays and objects of any depth. It must not
 * read values, nor depend on anything else that changes: its host code runs only once. (Optimisers, parameters and random
 * generators work inside.)
 */
export function capture<Parameters extends readonly unknown[], Result>(
  device: Device,
  body: (...inputs: Parameters) => Result,
  options: CaptureOptions = {},
): Captured<Parameters, Result> {
  expectKind('capture', 'the device', device, instanceOf(Device));
  expectKind('capture', 'what is to be captured', body, functionKind);
  expectOptions('capture', options, OPTIONS);
  const { maxRecordings = 32, replay = true } = options;
  const plans = new Map<string, Plan>();

  const planFor = (inputs: readonly unknown[]): Plan => {
    const key = JSON.stringify(mapInputs(inputs, signature));
    const known = plans.get(key);
    if (known) {
      fill(known.slots, inputs);
      plans.delete(key); // and insert it again as the latest
      plans.set(key, known);
      return known;
    }
    const plan = makePlan(device, (given) => body(...(given as Parameters)), inputs);
    captured.captures += 1;
    plans.set(key, plan);
    for (const [oldest, leastUsed] of plans) {
      if (plans.size <= Math.max(1, maxRecordings)) break;
      plans.delete(oldest);
      free(leastUsed);
    }
    return plan;
  };

  const detached = (result: unknown) => mapResult(result, (tensor) => tensor.detach()) as Result;
  const run = (...inputs: Arguments<Parameters>): Result => {
    expectSynchronous('capture', body);
    const upload = (input: Input) => (ArrayBuffer.isView(input) ? Tensor.from(device, input) : input);
    // Inside another captured function, it becomes a part of that recording.
    if (device.recording) return body(...(mapInputs(inputs, upload) as Parameters));
    if (!replay) {
      const cut = (input: Input) => (input instanceof Tensor ? input.detach() : upload(input));
      return detached(body(...(mapInputs(inputs, cut) as Parameters)));
    }
    const { recording, result } = planFor(inputs);
    recording.replay();
    return detached(result);
  };
  const dispose = (): void => {
    for (const plan of plans.values()) free(plan);
    plans.clear();
  };
  const captured = Object.assign(run, { captures: 0, [Symbol.dispose]: dispose });
  return captured;
}

/** Name the type of a value for messages. */
const kindOf = (value: unknown): string =>
  typeof value === 'object' && value !== null ? (value.constructor?.name ?? 'object') : String(typeof value);

/** Return a copy of arrays and objects in which every tensor, array of values and number is replaced, in order. */
function mapInputs(input: unknown, replace: (input: Input) => unknown): unknown {
  if (input === undefined) return undefined;
  if (typeof input === 'number' || typeof input === 'function' || input instanceof Tensor || isData(input)) {
    return replace(input as Input);
  }
  if (Array.isArray(input)) return input.map((each) => mapInputs(each, replace));
  if (isPlain(input)) {
    return Object.fromEntries(Object.entries(input).map(([name, each]) => [name, mapInputs(each, replace)]));
  }
  throw new ShapeError(
    'capture',
    `an input is a ${kindOf(input)}`,
    'give tensors, arrays of values, numbers, or objects of them',
  );
}

const isData = (input: unknown): input is TensorData =>
  input instanceof Float32Array || input instanceof Uint32Array || input instanceof Int32Array;

const isScalar = (input: Input): input is Scalar => typeof input === 'number' || typeof input === 'function';

function describe(input: Tensor | TensorData): { readonly shape: Shape; readonly dtype: DType } {
  return input instanceof Tensor ? input : { shape: [input.length], dtype: dtypeOf(input) };
}

function signature(input: Input): string {
  if (isScalar(input)) return 'number';
  const { shape, dtype } = describe(input);
  return `${dtype}${showShape(shape)}`;
}

function makePlan(device: Device, body: (inputs: unknown) => unknown, inputs: readonly unknown[]): Plan {
  const slots: Slot[] = [];
  const parameters = mapInputs(inputs, (input): Tensor | Scalar => {
    if (isScalar(input)) {
      const slot = { value: scalarValue(input) };
      slots.push(slot);
      return () => slot.value;
    }
    const { shape, dtype } = describe(input);
    const view = device.allocatePersistent(bytesOf(shape, dtype), 'inputs of captured steps');
    const slot = new Tensor(device, view, shape, dtype);
    slots.push(slot);
    return slot;
  });
  fill(slots, inputs); // values derived from an input before the first replay need its present values
  const ofSlots = new Set(slots.map((slot) => (slot instanceof Tensor ? slot.view.buffer : undefined)));
  let result: unknown;
  const recording = device.record(() => {
    const views: BufferView[] = [];
    result = mapResult(body(parameters), (tensor) => {
      // A returned input must not change at the next call.
      const returned = ofSlots.has(tensor.view.buffer) ? copyOf(tensor) : tensor.detach();
      views.push(returned.view);
      return returned;
    });
    return views;
  });
  return { recording, slots, result };
}

function copyOf(tensor: Tensor): Tensor {
  const copy = Tensor.empty(tensor.device, tensor.shape, tensor.dtype);
  copyValues(tensor, copy);
  return copy;
}

function free({ recording, slots }: Plan): void {
  recording[Symbol.dispose]();
  for (const slot of slots) if (slot instanceof Tensor) slot.device.release(slot.view);
}

/** Copy the inputs of a call to the slots of its recording. */
function fill(slots: readonly Slot[], inputs: readonly unknown[]): void {
  const rest = slots.values();
  mapInputs(inputs, (input) => {
    const slot = rest.next().value;
    if (isScalar(input)) {
      if (slot && !(slot instanceof Tensor)) slot.value = scalarValue(input);
    } else if (slot instanceof Tensor) slot.set(input);
  });
}

/** Return a copy of arrays and objects in which every tensor is replaced. */
function mapResult(result: unknown, replace: (tensor: Tensor) => Tensor): unknown {
  expectNoPromise('capture', result);
  if (result instanceof Tensor) return replace(result);
  if (result === undefined || result === null) return undefined;
  if (Array.isArray(result)) return result.map((each) => mapResult(each, replace));
  if (isPlain(result)) {
    return Object.fromEntries(Object.entries(result).map(([name, each]) => [name, mapResult(each, replace)]));
  }
  throw new ShapeError(
    'capture',
    `the captured function returned a ${kindOf(result)}`,
    'return tensors, in arrays or objects if there are several',
  );
}
