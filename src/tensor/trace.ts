/**
 * Traces of elementwise expressions, their sums and numbers made from these: tensors without memory that stand for the results
 * of ops. Ops on them add a node to the trace instead of computing. `fused` (ops/fused.ts) computes a trace in a few kernels.
 */
import type { Device } from '../gpu/device.ts';
import type { Scalar } from '../gpu/kernel.ts';
import { type Shape, showShape, Tensor } from './tensor.ts';

/** A node of a trace. Values have the shape (N) of the inputs; sums and numbers have one element. */
export type TraceNode = {
  readonly id: number;
  readonly stage: 'value' | 'number';
  readonly requiresGrad: boolean;
} & (
  | { readonly kind: 'input'; readonly tensor: Tensor }
  | {
      readonly kind: 'op';
      readonly value: string;
      readonly gradients: readonly (string | undefined)[];
      readonly operands: readonly (TraceNode | Scalar)[];
      /** The scalars `params.s` and `params.t`. */
      readonly scalars: Readonly<Partial<Record<'s' | 't', Scalar>>>;
    }
  | { readonly kind: 'sum' | 'detached'; readonly of: TraceNode }
);

/** Thrown where a traced tensor is used in a way that a trace does not contain. */
export class NotTraceable extends Error {}

/** Memory that nothing may use. */
const NO_VIEW = {
  buffer: new Proxy({} as Tensor['view']['buffer'], {
    get: (_, name) => {
      if (name === 'released') return false;
      throw new NotTraceable('a traced tensor has no values');
    },
  }),
  offset: 0,
  bytes: 0,
};

type Unnumbered<Node> = Node extends TraceNode ? Omit<Node, 'id'> : never;

/** The nodes of a trace, in the order of their creation. */
export class Trace {
  readonly nodes: TraceNode[] = [];
  readonly #inputs = new Map<Tensor, TraceNode>();

  constructor(
    readonly device: Device,
    /** Shape of all values. */
    readonly shape: Shape,
  ) {}

  add(node: Unnumbered<TraceNode>): Traced {
    const numbered = { ...node, id: this.nodes.length } as TraceNode;
    this.nodes.push(numbered);
    return new Traced(this, numbered);
  }

  /** Return the node of an operand: a tensor that is not traced becomes an input. */
  nodeOf(tensor: Tensor): TraceNode {
    if (tensor instanceof Traced) return tensor.traced;
    if (showShape(tensor.shape) !== showShape(this.shape) || tensor.dtype !== 'f32') throw new NotTraceable();
    const known =
      this.#inputs.get(tensor) ?? this.add({ ...INPUT, tensor, requiresGrad: tensor.requiresGrad }).traced;
    this.#inputs.set(tensor, known);
    return known;
  }
}

const INPUT = { kind: 'input', stage: 'value' } as const;

/** A tensor that stands for a node of a trace. */
export class Traced extends Tensor {
  constructor(
    readonly trace: Trace,
    readonly traced: TraceNode,
  ) {
    super(trace.device, NO_VIEW, traced.stage === 'value' ? trace.shape : []);
    this.requiresGrad = traced.requiresGrad;
  }

  override detach(): Tensor {
    const { stage } = this.traced;
    return this.trace.add({ kind: 'detached', stage, of: this.traced, requiresGrad: false });
  }

  /** The sum of all values. */
  sum(): Tensor {
    if (this.traced.stage !== 'value') throw new NotTraceable();
    const { requiresGrad } = this.traced;
    return this.trace.add({ kind: 'sum', stage: 'number', of: this.traced, requiresGrad });
  }
}

/** Add an elementwise op to the trace of its operands, if one of them is traced. */
export function traceOp(
  operands: readonly (Tensor | Scalar)[],
  op: { readonly value: string; readonly gradients?: readonly (string | undefined)[] | undefined },
  scalars: Readonly<Partial<Record<'s' | 't', Scalar>>>,
): Tensor | undefined {
  const trace = operands.find((operand) => operand instanceof Traced)?.trace;
  if (!trace) return undefined;
  const nodes = operands.map((operand) => (operand instanceof Tensor ? trace.nodeOf(operand) : operand));
  const stages = new Set(nodes.flatMap((node) => (typeof node === 'object' ? [node.stage] : [])));
  const [stage] = stages;
  if (stages.size !== 1 || !stage) throw new NotTraceable('values and sums of them meet');
  const requiresGrad =
    op.gradients !== undefined && nodes.some((node) => typeof node === 'object' && node.requiresGrad);
  const { value, gradients = [] } = op;
  return trace.add({ kind: 'op', stage, value, gradients, operands: nodes, scalars, requiresGrad });
}
