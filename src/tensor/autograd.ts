/**
 * Reverse-mode differentiation. Every op whose inputs require a gradient adds a node to the graph, with its inputs and a
 * function from the gradients of its outputs to those of its inputs. `backward` visits the nodes from newest to oldest.
 */
import { MathformerError, ShapeError } from '../base/errors.ts';
import type { BufferView } from '../gpu/buffers.ts';
import { tick } from '../gpu/writeTimes.ts';
import { postponeSums } from '../kernels/addParts.ts';
import { elementwise } from '../kernels/elementwise.ts';
import { checkFinite } from './debug.ts';
import { expectOperands, FLOATING, FLOATS } from './operands.ts';
import { expectNoPromise, expectSynchronous } from './synchronous.ts';
import { copyValues, type Gradient, type GradNode, type Shape, showShape, Tensor } from './tensor.ts';

let enabled = true;

/** Accumulates the gradients of some leaves, instead of their `grad`. */
interface Sink {
  readonly gradients: Map<Tensor, Tensor>;
  readonly takes: (leaf: Tensor) => boolean;
  readonly outer: Sink | undefined;
}
let sink: Sink | undefined;

/** Optional parts of a node. */
type NodeOptions = Pick<GradNode, 'accumulates' | 'partBytes'>;

/** Return true if ops add nodes to the graph. */
export const isGradEnabled = (): boolean => enabled;

/** Run `body` with or without recording gradients. `where` is the name of the calling function, for errors. */
export function withGrad<Result>(where: string, value: boolean, body: () => Result): Result {
  expectSynchronous(where, body);
  const before = enabled;
  enabled = value;
  try {
    const result = body();
    expectNoPromise(where, result);
    return result;
  } finally {
    enabled = before;
  }
}

/** Run `body` without recording gradients. @throws ArgumentError if it is async: see `expectSynchronous`. */
export const noGrad = <Result>(body: () => Result): Result => withGrad('noGrad', false, body);

/** Run `body` and record gradients, also inside `noGrad` or a backward pass. */
export const enableGrad = <Result>(body: () => Result): Result => withGrad('enableGrad', true, body);

/**
 * Attach the gradient of an op to its output, if any input requires one. `backward` receives the gradient of the output. It
 * returns one per input (undefined for none, or if it has added to a leaf's gradient itself).
 */
export function differentiable(
  name: string,
  inputs: readonly Tensor[],
  output: Tensor,
  backward: (dy: Tensor, prior: Gradient) => readonly Gradient[],
  options?: NodeOptions,
): void {
  const ofOne: GradNode['backward'] = ([dy], prior) => (dy ? backward(dy, prior) : []);
  differentiableParts(name, inputs, [output], ofOne, options);
}

/** Attach the gradient of an op of one input: `write` writes dx, of the shape of x, from dy. */
export function differentiableByKernel(
  name: string,
  x: Tensor,
  y: Tensor,
  write: (dy: Tensor, dx: Tensor) => void,
): void {
  differentiable(name, [x], y, (dy) => {
    const dx = Tensor.empty(x.device, x.shape);
    write(dy, dx);
    return [dx];
  });
}

/** Do the same for an op with several outputs; the gradient of one that nothing depends on is undefined. */
export function differentiableParts(
  name: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  backward: GradNode['backward'],
  options?: NodeOptions,
): void {
  checkFinite(name, inputs, outputs);
  if (enabled && inputs.some((input) => input.requiresGrad)) {
    attachGradient(name, inputs, outputs, backward, options);
  }
}

/** Attach a gradient to outputs that require one, whatever the inputs. */
export function attachGradient(
  name: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  backward: GradNode['backward'],
  options?: NodeOptions,
): void {
  const node: GradNode = { name, order: tick(), inputs, outputs, backward, ...options };
  for (const output of outputs) {
    output.requiresGrad = true;
    output.node = node;
  }
}

/** Return a gradient, or zeros of shape `shape` if nothing depends on the output. */
export function orZeros(gradient: Gradient, like: Tensor, shape: Shape = like.shape): Tensor {
  return gradient ?? Tensor.zeros(like.device, shape);
}

/**
 * Return the memory to which an op may add the gradient of `input` in place: a leaf's gradient (the op then returns
 * undefined), or a zeroed tensor for the op to return, which is dropped if no gradient is required.
 */
export function gradientTarget(input: Tensor): { readonly view: BufferView; readonly result: Gradient } {
  if (input.requiresGrad && input.node === undefined)
    return { view: leafGradient(input).view, result: undefined };
  const result = Tensor.zeros(input.device, input.shape);
  return { view: result.view, result };
}

/** Return the sink that accumulates the gradient of a leaf, if it is not the leaf itself. */
function sinkOf(leaf: Tensor): Sink | undefined {
  for (let each = sink; each; each = each.outer) if (each.takes(leaf)) return each;
  return undefined;
}

const gradientSoFar = (leaf: Tensor): Gradient => {
  const taking = sinkOf(leaf);
  return taking ? taking.gradients.get(leaf) : leaf.grad;
};

function leafGradient(leaf: Tensor): Tensor {
  const { device, shape } = leaf;
  const taking = sinkOf(leaf);
  if (taking) {
    const gradient = taking.gradients.get(leaf) ?? Tensor.zeros(device, shape);
    taking.gradients.set(leaf, gradient);
    return gradient;
  }
  // The gradient of a leaf made inside a recording is made inside, too. Other gradients outlive the scope or the recording
  // in which they are first needed, and start from 0 only once.
  if (!leaf.view.buffer.owner) leaf.grad ??= Tensor.zeros(device, shape);
  leaf.grad ??= device.outsideRecording(() => {
    const gradient = new Tensor(device, device.allocatePersistent(leaf.size * 4, 'gradients'), shape);
    device.clear(gradient.view);
    return gradient;
  });
  return leaf.grad;
}

function add(a: Tensor, b: Tensor): Tensor {
  const sum = Tensor.empty(a.device, a.shape);
  elementwise(a.device, 'a + b', [a, b], sum.view, sum.shape);
  return sum;
}

/**
 * Add the gradient of `output` with respect to every leaf that requires it to that leaf's `grad`.
 * @param gradient of `output`, of the same shape. Default for a scalar: 1.
 */
export function backward(output: Tensor, gradient?: Tensor): void {
  expectOperands('backward', { output: [output, FLOATING], gradient: [gradient, FLOATS] });
  if (!gradient && output.size !== 1) {
    throw new ShapeError(
      'backward',
      `the output has shape ${showShape(output.shape)}, not one value`,
      'reduce it with sum or mean, or pass the gradient of the output',
    );
  }
  if (gradient && showShape(gradient.shape) !== showShape(output.shape)) {
    throw new ShapeError(
      'backward',
      `the gradient has shape ${showShape(gradient.shape)}, the output ${showShape(output.shape)}`,
      'pass a gradient of the shape of the output',
    );
  }
  if (!output.requiresGrad) {
    throw new ShapeError(
      'backward',
      'the output depends on nothing that requires a gradient',
      'call requireGrad() on a leaf it is computed from, outside noGrad',
    );
  }
  const nodes = new Set<GradNode>();
  const pending = [output];
  for (let tensor = pending.pop(); tensor; tensor = pending.pop()) {
    const { node } = tensor;
    if (!node || nodes.has(node)) continue;
    nodes.add(node);
    pending.push(...node.inputs.filter((input) => input.requiresGrad));
  }
  const gradients = new Map<Tensor, Tensor>();
  const seed = gradient ?? Tensor.from(output.device, [1], output.shape);
  const order = [...nodes].sort((a, b) => b.order - a.order);
  const parts = order.flatMap(({ partBytes }) => partBytes ?? []);
  const visit = (): void => {
    if (!output.node) addToLeaf(output, seed);
    gradients.set(output, seed);
    for (const node of order) propagate(node, gradients);
  };
  noGrad(() => postponeSums(output.device, parts, visit));
}

/**
 * Return the gradients of `output` with respect to `leaves`; zeros if it does not depend on a leaf. No `grad` of `leaves`
 * changes. Gradients of other leaves are dropped, or go to an enclosing sink.
 * @param gradient as for `backward`.
 */
export function gradientsOf(
  output: Tensor,
  leaves: readonly Tensor[],
  gradient?: Tensor,
  others: 'drop' | 'keep' = 'drop',
): Tensor[] {
  const gradients = new Map<Tensor, Tensor>();
  const own = new Set(leaves);
  const outer = sink;
  sink = { gradients, takes: (leaf) => others === 'drop' || own.has(leaf), outer };
  try {
    if (output.requiresGrad) backward(output, gradient);
  } finally {
    sink = outer;
  }
  return leaves.map((leaf) => gradients.get(leaf) ?? Tensor.zeros(leaf.device, leaf.shape));
}

function addToLeaf(leaf: Tensor, gradient: Tensor): void {
  const total = leafGradient(leaf);
  // Reads of the sum are not attributed to the op whose gradient is added.
  leaf.device.watchReads(undefined, () => copyValues(add(total, gradient), total));
}

/** In debug mode, check the gradients that a backward pass made, also those added in place to leaves. */
function checkGradients(node: GradNode, outputs: readonly Gradient[], results: readonly Gradient[]): void {
  if (!node.outputs[0]?.device.debug) return;
  const present = (gradient: Gradient): gradient is Tensor => gradient !== undefined;
  const used = node.inputs.filter(({ view }) => !view.buffer.released);
  const inPlace = node.inputs.filter((input, i) => !results[i] && input.requiresGrad && !input.node);
  checkFinite(
    `the gradient of ${node.name}`,
    [...outputs.filter(present), ...used],
    [...results.filter(present), ...inPlace.map((leaf) => gradientSoFar(leaf)).filter(present)],
  );
}

/**
 * Refuse a value that a backward pass reads and that was changed since the op ran, as PyTorch does: the gradient would be
 * wrong. Buffers allocated since belong to the backward pass itself.
 */
function refuseStale(node: GradNode, { buffer, offset, bytes }: BufferView, name: string): void {
  if (buffer.times.born > node.order || buffer.times.latest(offset, bytes) < node.order) return;
  const describe = (what: string, tensors: readonly Tensor[]): string | undefined => {
    const i = tensors.findIndex(({ view }) => view.buffer === buffer && view.offset === offset);
    const tensor = tensors[i];
    return tensor && `${what}${tensors.length > 1 ? ` ${i}` : ''} ${showShape(tensor.shape)}`;
  };
  const which = describe('input', node.inputs) ?? describe('result', node.outputs) ?? `'${name}'`;
  throw new MathformerError(
    `${node.name}: its ${which} was changed in place between the forward and the backward pass, which needs the old values`,
    {
      code: 'CHANGED_IN_PLACE',
      where: node.name,
      fix: 'change it after backward, or compute with a copy: add(x, 0)',
    },
  );
}

function propagate(node: GradNode, gradients: Map<Tensor, Tensor>): void {
  const outputs = node.outputs.map((output) => gradients.get(output));
  if (outputs.every((gradient) => gradient === undefined)) return;
  const accumulating = node.accumulates === undefined ? undefined : node.inputs[node.accumulates];
  const prior = accumulating && gradients.get(accumulating);
  const [output] = node.outputs;
  const run = () => node.backward(outputs, prior);
  const results = output
    ? output.device.watchReads((view, name) => refuseStale(node, view, name), run)
    : run();
  checkGradients(node, outputs, results);
  for (const output of node.outputs) gradients.delete(output);
  node.inputs.forEach((input, i) => {
    const result = results[i];
    if (!result || !input.requiresGrad) return;
    if (!input.node) {
      addToLeaf(input, result);
      return;
    }
    // Compare by position: the same tensor may also be another input, whose gradient is added as usual.
    const before = i === node.accumulates ? undefined : gradients.get(input);
    gradients.set(input, before ? add(before, result) : result);
  });
}
