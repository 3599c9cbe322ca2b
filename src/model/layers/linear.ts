/** Linear layers, several of which may share one product. */
import type { ChunkLinear } from '../../kernels/chunk/index.ts';
import { add, type LinearOptions, linear as product, type Tensor } from '../../tensor/index.ts';
import {
  type ConfigProblem,
  compose,
  joined,
  type Layer,
  type Parameter,
  type TuningRows,
  uniform,
  type Weight,
} from './layer.ts';
import { dropped, type Pass } from './pass.ts';

interface LinearDeclaration {
  readonly name: string;
  readonly inputs: number;
  /** Number of outputs; or those of layers of a checkpoint that are computed together, by name. */
  readonly outputs: number | Readonly<Record<string, number>>;
  readonly bias?: boolean;
  readonly initial?: Readonly<Record<'weight' | 'bias', Parameter['initial']>>;
  /** The weight of another layer, (outputs, inputs), to use instead of its own. */
  readonly tiedTo?: Weight | undefined;
}

/** Work in the same kernels, for the tuner. */
interface Epilogue {
  readonly gelu?: boolean;
  readonly residual?: boolean;
  /** The input also goes elsewhere, so that its gradient is added to another. */
  readonly shared?: boolean;
  /** The input is the output of GELU. */
  readonly afterGelu?: boolean;
}

/** y = x·Wᵀ + b, W (outputs, inputs). */
export interface Linear extends Layer {
  readonly weight: Weight;
  readonly bias: Weight | undefined;
  /** The layer as the kernels of a chunk see it. */
  readonly chunk: ChunkLinear<Weight>;
  forward(x: Tensor, pass: Pick<Pass, 'weight' | 'cache'>, options?: LinearOptions): Tensor;
  /** residual + dropout(y), in one kernel where nothing is dropped. */
  addTo(residual: Tensor, x: Tensor, stream: number, pass: Pass): Tensor;
  tuningShapes(rows: TuningRows, epilogue?: Epilogue): ReturnType<Layer['tuningShapes']>;
}

/** The parameters of a layer; uniform between ±1/√inputs unless given, as PyTorch's `nn.Linear`. */
export function linearParameters(
  name: string,
  outputs: number,
  inputs: number,
  initial = { weight: uniform(1 / Math.sqrt(inputs)), bias: uniform(1 / Math.sqrt(inputs)) },
): Readonly<Record<'weight' | 'bias', Parameter>> {
  return {
    weight: { name: `${name}.weight`, shape: [outputs, inputs], initial: initial.weight },
    bias: { name: `${name}.bias`, shape: [outputs], initial: initial.bias },
  };
}

export function linear({ name, inputs, outputs, bias = false, initial, tiedTo }: LinearDeclaration): Linear {
  const members = Object.entries(typeof outputs === 'number' ? { [name]: outputs } : outputs).map(
    ([member, count]) => linearParameters(member, count, inputs, initial),
  );
  const parts = (kind: 'weight' | 'bias') => members.map((member) => member[kind]);
  const weight = tiedTo ?? joined(`${name}.weight`, parts('weight'));
  const shift = bias ? joined(`${name}.bias`, parts('bias')) : undefined;
  const [N = 1] = weight.shape;

  const forward: Linear['forward'] = (x, pass, options) =>
    // What is sampled must not depend on the batch.
    product(x, pass.weight(weight), shift && pass.weight(shift), {
      ...options,
      batchInvariant: pass.cache !== undefined,
    });
  return {
    ...compose(),
    weight,
    bias: shift,
    chunk: { weight, bias: shift, inputs, outputs: N },
    weights: [...(tiedTo ? [] : [weight]), ...(shift ? [shift] : [])],
    products: [weight],
    parameters: members.flatMap((member) => [
      ...(tiedTo ? [] : [member.weight]),
      ...(shift ? [member.bias] : []),
    ]),
    problems: alignment(name, inputs),
    forward,
    addTo: (residual, x, stream, pass) =>
      pass.dropout?.p
        ? add(residual, dropped(forward(x, pass), stream, pass))
        : forward(x, pass, { residual }),
    mostRows: (floats) => Math.floor(floats / N),
    tuningShapes: ({ training, decoding }, { shared = false, afterGelu = false, ...epilogue } = {}) => [
      { kind: 'product', M: training, N, K: inputs, bias, weights: true, ...epilogue },
      { kind: 'product', M: decoding, N, K: inputs, bias, weights: true, batchInvariant: true, ...epilogue },
      // The gradient of the input, and that of the weight.
      { kind: 'product', M: training, N: inputs, K: N, residual: shared, derivative: afterGelu },
      { kind: 'outer', R: training, M: N, N: inputs },
    ],
  };
}

/** A problem unless the kernels take this number of inputs. */
export function alignment(name: string, inputs: number): ConfigProblem[] {
  if (inputs % 4 === 0) return [];
  const fix = 'the kernels work on groups of four values: choose dModel and dFF divisible by 4';
  return [{ problem: `the ${inputs} inputs of ${name} are no multiple of 4`, fix }];
}
