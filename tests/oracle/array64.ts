/**
 * The float64 array of the reference and its reverse-mode gradients.
 *
 * Simple and slow, so that it is easy to verify: row-major, no views, every op copies. An op records its inputs and, for
 * each input, the function from the output's gradient to the input's. `backward` visits the record once, in reverse
 * topological order. No code is shared with the engine under test.
 */

export type Shape = readonly number[];

/** One input of an op with its vector-Jacobian product: output gradient in, this input's gradient out. */
export interface Parent {
  readonly of: Array64;
  readonly vjp: (gradOutput: Float64Array) => Float64Array;
}

/** Elements in an array of this shape; a scalar (shape []) has one. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A dense row-major float64 array. Leaves made with `requiresGrad` collect their gradient in `grad`. */
export class Array64 {
  readonly data: Float64Array;
  readonly shape: Shape;
  readonly requiresGrad: boolean;
  readonly parents: readonly Parent[];
  /** Sum of the gradients of all `backward` calls so far; null before the first. Leaves only. */
  grad: Float64Array | null = null;

  constructor(data: Float64Array, shape: Shape, requiresGrad = false, parents: readonly Parent[] = []) {
    if (data.length !== sizeOf(shape)) {
      throw new RangeError(`Array64: ${data.length} values do not fill shape [${shape}]`);
    }
    this.data = data;
    this.shape = [...shape];
    this.parents = parents.filter((parent) => parent.of.requiresGrad);
    this.requiresGrad = requiresGrad || this.parents.length > 0;
  }

  get rank(): number {
    return this.shape.length;
  }

  get size(): number {
    return this.data.length;
  }

  /** The only element of a one-element array. */
  item(): number {
    if (this.size !== 1) throw new RangeError(`item: shape [${this.shape}] has ${this.size} elements, not 1`);
    return this.data[0];
  }

  /** The same values, cut off from the record: gradients stop here. */
  detach(): Array64 {
    return new Array64(this.data, this.shape);
  }
}

/** An operand of an op. A number is a scalar constant. */
export type Operand = Array64 | number;

export function asArray(value: Operand): Array64 {
  return typeof value === 'number' ? scalar(value) : value;
}

/** An array of the given values (copied). Shape defaults to one dimension. */
export function array(
  values: ArrayLike<number>,
  shape: Shape = [values.length],
  requiresGrad = false,
): Array64 {
  return new Array64(Float64Array.from(values), shape, requiresGrad);
}

/** Like `array`, as a leaf that collects its gradient. */
export function parameter(values: ArrayLike<number>, shape: Shape = [values.length]): Array64 {
  return array(values, shape, true);
}

export function scalar(value: number): Array64 {
  return new Array64(Float64Array.of(value), []);
}

export function full(shape: Shape, value: number): Array64 {
  return new Array64(new Float64Array(sizeOf(shape)).fill(value), shape);
}

export function zeros(shape: Shape): Array64 {
  return full(shape, 0);
}

/** 0, 1, … length − 1. */
export function arange(length: number): Array64 {
  return new Array64(
    Float64Array.from({ length }, (_, i) => i),
    [length],
  );
}

/**
 * Adds d(output)/d(leaf) to `grad` of every leaf that requires it.
 * @param seed gradient of the final scalar with respect to `output`; 1 for a one-element output.
 */
export function backward(output: Array64, seed?: ArrayLike<number>): void {
  for (const [node, gradient] of propagate(output, seed)) {
    if (node.parents.length > 0) continue;
    if (node.grad === null) node.grad = new Float64Array(node.size);
    addInto(node.grad, gradient);
  }
}

/** d(output)/d(input) for each input, leaves or not, without touching any `grad`. Zero where there is no path. */
export function gradients(
  output: Array64,
  inputs: readonly Array64[],
  seed?: ArrayLike<number>,
): Float64Array[] {
  const all = propagate(output, seed);
  return inputs.map((input) => all.get(input) ?? new Float64Array(input.size));
}

function propagate(output: Array64, seed?: ArrayLike<number>): Map<Array64, Float64Array> {
  if (!output.requiresGrad)
    throw new Error('backward: the output depends on nothing that requires a gradient');
  if (seed === undefined && output.size !== 1) {
    throw new RangeError(
      `backward: output of shape [${output.shape}] needs a seed gradient; only a scalar does not`,
    );
  }
  const start = Float64Array.from(seed ?? [1]);
  if (start.length !== output.size) {
    throw new RangeError(`backward: seed has ${start.length} values, the output ${output.size}`);
  }
  const found = new Map<Array64, Float64Array>([[output, start]]);
  for (const node of topologicalOrder(output).reverse()) {
    const gradOutput = found.get(node);
    if (gradOutput === undefined) continue;
    for (const { of: input, vjp } of node.parents) {
      const contribution = vjp(gradOutput);
      const sum = found.get(input) ?? new Float64Array(input.size);
      addInto(sum, contribution);
      found.set(input, sum);
    }
  }
  return found;
}

/** Every node once, inputs before the nodes that use them. Iterative: long chains must not overflow the stack. */
function topologicalOrder(output: Array64): Array64[] {
  const order: Array64[] = [];
  const seen = new Set<Array64>([output]);
  const stack: { node: Array64; next: number }[] = [{ node: output, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const parent = top.node.parents[top.next];
    top.next += 1;
    if (parent === undefined) {
      order.push(top.node);
      stack.pop();
    } else if (!seen.has(parent.of)) {
      seen.add(parent.of);
      stack.push({ node: parent.of, next: 0 });
    }
  }
  return order;
}

function addInto(target: Float64Array, source: Float64Array): void {
  if (target.length !== source.length) throw new RangeError('a gradient has another size than its array');
  for (let i = 0; i < target.length; i++) target[i] += source[i];
}
