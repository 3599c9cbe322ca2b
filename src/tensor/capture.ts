/**
 * Capture and replay: a function of tensors and numbers runs once through the tape, is frozen as a recording for the
 * shapes of its inputs, and is replayed from then on, without tracing, allocation or bind-group creation.
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
import { ShapeError } from '../errors.ts';
import type { Device, Recording } from '../gpu/device.ts';
import type { Scalar } from '../gpu/kernel.ts';
import { bytesOf, type DType, type Shape, showShape, Tensor, type TensorData } from './tensor.ts';

/**
 * What is passed for a parameter of a captured function: for a tensor also an array of values, of one dimension; for a
 * `Scalar` a number; for an object the same of its members. All of it may change from call to call.
 */
export type CaptureArgument<Parameter> = Parameter extends Tensor
  ? Tensor | TensorData
  : Parameter extends Scalar
    ? number
    : Parameter extends object
      ? { readonly [name in keyof Parameter]: CaptureArgument<Parameter[name]> }
      : Parameter;

type Arguments<Parameters extends readonly unknown[]> = {
  [index in keyof Parameters]: CaptureArgument<Parameters[index]>;
};

/** How much `capture` keeps. */
export interface CaptureOptions {
  /** Recordings to keep, one for each combination of input shapes; the least recently used goes first. */
  readonly maxRecordings?: number;
  /** false runs the function anew in every call: to debug it, or to compare. */
  readonly replay?: boolean;
}

/** A captured function: call it as the original, and dispose of it to free its recordings. */
export interface Captured<Parameters extends readonly unknown[], Result> extends Disposable {
  /**
   * Runs the function. The tensors it returns have no graph, and hold their values until the next call with inputs of
   * the same shapes.
   */
  (...inputs: Arguments<Parameters>): Result;
  /** Recordings made so far: more than the shapes in use means that inputs change shape too often. */
  readonly captures: number;
}

type Body = (...inputs: unknown[]) => unknown;
type Input = Tensor | TensorData | number;
/** Where an input is copied to before a replay. */
type Slot = Tensor | { value: number };

interface Plan {
  readonly recording: Recording;
  readonly slots: readonly Slot[];
  readonly result: unknown;
}

/**
 * Returns a function that does what `body` does, bit for bit, by replaying what it did when it was first called with
 * inputs of these shapes and dtypes. It may return tensors, in arrays and objects of any depth. It must not read values
 * or depend on anything else that changes: what the host does in it happens once. (Optimisers, parameters and random
 * generators are made for it.)
 */
export function capture<Parameters extends readonly unknown[], Result>(
  device: Device,
  body: (...inputs: Parameters) => Result,
  { maxRecordings = 32, replay = true }: CaptureOptions = {},
): Captured<Parameters, Result> {
  const plans = new Map<string, Plan>();
  let captures = 0;

  const planFor = (inputs: readonly unknown[]): Plan => {
    const key = JSON.stringify(mapInputs(inputs, signature));
    const known = plans.get(key);
    if (known) {
      plans.delete(key); // and in again as the latest
      plans.set(key, known);
      return known;
    }
    for (const [oldest, leastUsed] of plans) {
      if (plans.size < maxRecordings) break;
      plans.delete(oldest);
      free(leastUsed);
    }
    const plan = makePlan(device, body as unknown as Body, inputs);
    captures += 1;
    plans.set(key, plan);
    return plan;
  };

  const run = (...inputs: readonly unknown[]): unknown => {
    if (!replay || device.recording) {
      const upload = (input: Input) => (ArrayBuffer.isView(input) ? Tensor.from(device, input) : input);
      return body(...(mapInputs(inputs, upload) as Parameters));
    }
    const { slots, recording, result } = planFor(inputs);
    let next = 0;
    mapInputs(inputs, (input) => fill(slots[next++], input));
    recording.replay();
    return result;
  };
  const dispose = (): void => {
    for (const plan of plans.values()) free(plan);
    plans.clear();
  };
  return Object.defineProperties(run, {
    captures: { get: () => captures },
    [Symbol.dispose]: { value: dispose },
  }) as unknown as Captured<Parameters, Result>;
}

/** The same arrays and objects with every tensor, array of values and number replaced, in order. */
function mapInputs(input: unknown, replace: (input: Input) => unknown): unknown {
  if (input === undefined) return undefined;
  if (typeof input === 'number' || input instanceof Tensor || ArrayBuffer.isView(input)) {
    return replace(input as Input);
  }
  if (Array.isArray(input)) return input.map((each) => mapInputs(each, replace));
  if (typeof input === 'object' && input !== null) {
    return Object.fromEntries(Object.entries(input).map(([name, each]) => [name, mapInputs(each, replace)]));
  }
  throw new ShapeError(
    'capture',
    `an input is a ${typeof input}`,
    'give tensors, arrays of values, numbers, or objects of them',
  );
}

const dtypeOf = (data: TensorData): DType =>
  data instanceof Float32Array ? 'f32' : data instanceof Uint32Array ? 'u32' : 'i32';

function describe(input: Tensor | TensorData): { readonly shape: Shape; readonly dtype: DType } {
  return input instanceof Tensor ? input : { shape: [input.length], dtype: dtypeOf(input) };
}

function signature(input: Input): string {
  if (typeof input === 'number') return 'number';
  const { shape, dtype } = describe(input);
  return `${dtype}${showShape(shape)}`;
}

function makePlan(device: Device, body: Body, inputs: readonly unknown[]): Plan {
  const slots: Slot[] = [];
  const parameters = mapInputs(inputs, (input): Tensor | Scalar => {
    if (typeof input === 'number') {
      const slot = { value: input };
      slots.push(slot);
      return () => slot.value;
    }
    const { shape, dtype } = describe(input);
    const bytes = bytesOf(shape, dtype);
    const slot = new Tensor(
      device,
      device.allocatePersistent(bytes, 'inputs of captured steps'),
      shape,
      dtype,
    );
    slots.push(slot);
    return slot;
  });
  let result: unknown;
  const recording = device.record(() => {
    const found: Tensor[] = [];
    result = withoutGraphs(body(...(parameters as unknown[])), found);
    return found.map(({ view }) => view);
  });
  return { recording, slots, result };
}

function free({ recording, slots }: Plan): void {
  recording[Symbol.dispose]();
  for (const slot of slots) if (slot instanceof Tensor) slot.device.release(slot.view);
}

function fill(slot: Slot | undefined, input: Input): void {
  if (typeof input === 'number') {
    if (slot && !(slot instanceof Tensor)) slot.value = input;
  } else if (slot instanceof Tensor) {
    if (!(input instanceof Tensor)) slot.device.upload(slot.view, input);
    else if (input.size > 0) slot.device.copy(input.view, slot.view);
  }
}

/** The result with every tensor detached; the tensors are added to `found`. */
function withoutGraphs(result: unknown, found: Tensor[]): unknown {
  if (result instanceof Tensor) {
    const detached = result.detach();
    found.push(detached);
    return detached;
  }
  if (result === undefined || result === null) return undefined;
  if (Array.isArray(result)) return result.map((each) => withoutGraphs(each, found));
  if (typeof result === 'object' && Object.getPrototypeOf(result) === Object.prototype) {
    return Object.fromEntries(
      Object.entries(result).map(([name, each]) => [name, withoutGraphs(each, found)]),
    );
  }
  throw new ShapeError(
    'capture',
    `the captured function returned a ${typeof result}`,
    'return tensors, in arrays or objects if there are several',
  );
}
