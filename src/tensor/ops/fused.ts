/**
 * Losses of many small ops in a few kernels. One kernel computes the terms of all sums, one or two add them, one makes the results
 * from the sums; one kernel computes all gradients. Results have the bits that the ops have one by one: the expressions, the
 * order of sums and the order in which gradients are accumulated are the same.
 */
import { defineKernel, type Scalar, type ScalarType } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { walkElements } from '../../gpu/perElement.ts';
import { sumAxes } from '../../kernels/reduce/index.ts';
import { specialFunctions } from '../../kernels/special.ts';
import { differentiableParts } from '../autograd.ts';
import { type Gradient, Tensor } from '../tensor.ts';
import { NotTraceable, Trace, Traced, type TraceNode } from '../trace.ts';

type Results = Readonly<Record<string, Tensor>>;

/**
 * Return what `body` returns: tensors with one element, made from values of one shape by elementwise ops, `detach`, `sum` over all
 * values, and elementwise ops on the sums. `body` gets the inputs, all of one shape, f32. If it does anything else, or if its
 * kernels need more buffers than the adapter binds, its ops run one by one.
 */
export function fused<Inputs extends Readonly<Record<string, Tensor | undefined>>, Result extends Results>(
  name: string,
  inputs: Inputs,
  body: (inputs: Inputs) => Result,
): Result {
  const first = Object.values(inputs).find((input) => input !== undefined);
  // In debug mode the values of each op are checked.
  if (!first || first.device.debug || first.size === 0) return body(inputs);
  const traced = traceOf(first, inputs, body);
  const plan = traced && new Plan(name, traced.trace, traced.results);
  return plan?.fits ? (plan.run() as Result) : body(inputs);
}

/** Trace a function; undefined if it is not traceable. */
function traceOf<Inputs extends Readonly<Record<string, Tensor | undefined>>>(
  { device, shape }: Tensor,
  inputs: Inputs,
  body: (inputs: Inputs) => Results,
): { readonly trace: Trace; readonly results: ReadonlyMap<string, TraceNode> } | undefined {
  try {
    const trace = new Trace(device, shape);
    const given = Object.entries(inputs).map(([name, tensor]) => [
      name,
      tensor && new Traced(trace, trace.nodeOf(tensor)),
    ]);
    const results = Object.entries(body(Object.fromEntries(given) as Inputs)).map(([name, tensor]) => {
      if (tensor instanceof Traced && tensor.traced.stage === 'number') return [name, tensor.traced] as const;
      throw new NotTraceable();
    });
    return { trace, results: new Map(results) };
  } catch (error) {
    if (error instanceof NotTraceable) return undefined;
    throw error;
  }
}

/** Statements of a kernel, `let name = text;`, of which those that nothing needs are left out. */
interface Statement {
  readonly name: string;
  readonly text: string;
}

const namesIn = (text: string): string[] => text.match(/\b(?:[vgip]\d+|sums|d\d+)\b/g) ?? [];

/** Return the statements that the results depend on, in order, and all names that these use. */
function needed(statements: readonly Statement[], results: readonly string[]) {
  const used = new Set(results.flatMap(namesIn));
  const kept: Statement[] = [];
  for (const statement of [...statements].reverse()) {
    if (!used.has(statement.name)) continue;
    kept.unshift(statement);
    for (const name of namesIn(statement.text)) used.add(name);
  }
  return { code: kept.map(({ name, text }) => `let ${name} = ${text};`).join('\n    '), used };
}

interface Form {
  readonly name: string;
  readonly width: 1 | 4;
  readonly code: string;
  readonly reads: Readonly<Record<string, 'values' | 'numbers'>>;
  readonly writes: Readonly<Record<string, 'values' | 'numbers'>>;
  readonly params: readonly string[];
}

/** A kernel over vectors of the values, or over one element. */
const kernelOf = memoize(({ name, width, code, reads, writes, params }: Form) => {
  const wide = (type: string): string => (width === 4 ? `vec4<${type}>` : type);
  const types = (of: Form['reads']) =>
    Object.fromEntries(
      Object.entries(of).map(([each, what]) => [each, `array<${what === 'values' ? wide('f32') : 'f32'}>`]),
    );
  const own: Record<string, ScalarType> = { vectors: 'u32' };
  for (const each of params) own[each] = 'f32';
  return defineKernel({
    name,
    params: own,
    reads: types(reads),
    writes: types(writes),
    functions: `
alias T = ${wide('f32')};
alias I = ${wide('i32')};
alias U = ${wide('u32')};
alias B = ${wide('bool')};
${specialFunctions(code)}`,
    ...walkElements('vectors')`${code}`,
  });
});

/** The kernels of a trace. */
class Plan {
  readonly #name: string;
  readonly #trace: Trace;
  readonly #results: ReadonlyMap<string, TraceNode>;
  readonly #sums: readonly TraceNode[];
  readonly #scalars: Scalar[] = [];
  readonly #values: readonly Statement[];

  constructor(name: string, trace: Trace, results: ReadonlyMap<string, TraceNode>) {
    this.#name = name;
    this.#trace = trace;
    this.#results = results;
    this.#sums = trace.nodes.filter(({ kind }) => kind === 'sum');
    this.#values = trace.nodes.map((node) => ({ name: `v${node.id}`, text: this.#textOf(node) }));
  }

  /** True if every kernel binds few enough buffers. */
  get fits(): boolean {
    const most = this.#trace.device.limits.maxStorageBuffersPerShaderStage;
    const differentiable = [...this.#results.values()].map((_, i) => i);
    return [this.#forward(), this.#backward(differentiable)].every(
      ({ reads, writes }) => Object.keys(reads).length + Object.keys(writes).length <= most,
    );
  }

  /** Launch the forward pass, and attach the gradient. */
  run(): Results {
    const { device } = this.#trace;
    const count = this.#count;
    const terms = Tensor.empty(device, [this.#sums.length, count]);
    const sums = Tensor.empty(device, [this.#sums.length]);
    const results = [...this.#results.keys()].map((name) => [name, Tensor.empty(device, [])] as const);
    this.#launch(this.#forward(), { terms }, count);
    sumAxes(device, terms.view, sums.view, terms.shape, [1]);
    const outputs = results.map(([, tensor]) => tensor);
    const numbers = Object.fromEntries(outputs.map((tensor, i) => [`r${i}`, tensor]));
    this.#launch(this.#last(), { sums, ...numbers }, 1);
    const inputs = this.#inputs.map(({ tensor }) => tensor);
    differentiableParts(this.#name, inputs, outputs, (gradients) => this.#gradients(gradients, sums));
    return Object.fromEntries(results);
  }

  get #inputs() {
    return this.#trace.nodes.flatMap((node) => (node.kind === 'input' ? [node] : []));
  }

  /** Number of values. */
  get #count(): number {
    return this.#trace.shape.reduce((product, n) => product * n, 1);
  }

  get #width(): 1 | 4 {
    return (this.#trace.shape.at(-1) ?? 1) % 4 === 0 ? 4 : 1;
  }

  /** Return the expression of a node. */
  #textOf(node: TraceNode): string {
    switch (node.kind) {
      case 'input':
        return `i${node.id}[id]`;
      case 'sum':
        return `T(sums[${this.#sums.indexOf(node)}])`;
      case 'detached':
        return `v${node.of.id}`;
      case 'op':
        return this.#expression(node, node.value);
      default:
        return node satisfies never;
    }
  }

  /** Put the operands of an op into an expression of it, the result `y` and its gradient `dy`. */
  #expression(node: TraceNode & { readonly kind: 'op' }, expression: string, dy = ''): string {
    let numbers = 0;
    const operands = node.operands.map((operand) =>
      typeof operand === 'object' ? `v${operand.id}` : `T(params.${'st'[numbers++]})`,
    );
    const named = new Map([
      ...operands.map((text, i) => ['abc'[i] as string, text] as const),
      ['y', `v${node.id}`],
      ['dy', dy],
    ]);
    const text = expression.replace(/\b(?:a|b|c|y|dy)\b/g, (name) => named.get(name) ?? name);
    return text.replace(
      /\bparams\.([st])\b/g,
      (_, name: 's' | 't') => `params.p${this.#scalar(node.scalars[name] ?? 0)}`,
    );
  }

  /** Return the number of a scalar among the parameters. */
  #scalar(scalar: Scalar): number {
    const known = this.#scalars.indexOf(scalar);
    return known >= 0 ? known : this.#scalars.push(scalar) - 1;
  }

  #form(
    what: string,
    statements: readonly Statement[],
    writes: readonly (readonly [string, string, string])[],
    width: 1 | 4,
  ): Form {
    const { code, used } = needed(
      statements,
      writes.map(([, , text]) => text),
    );
    const stores = writes.map(([target, at, text]) => `${target}[${at}] = ${text};`).join('\n    ');
    const reads = [...used].filter((name) => /^(?:i\d+|sums|d\d+)$/.test(name)).sort();
    return {
      name: `${this.#name} ${what}`,
      width,
      code: `${code}\n    ${stores}`,
      reads: Object.fromEntries(reads.map((name) => [name, name.startsWith('i') ? 'values' : 'numbers'])),
      writes: Object.fromEntries(
        writes.map(([target]) => [target, target.startsWith('r') ? 'numbers' : 'values']),
      ),
      params: [...new Set(`${code} ${stores}`.match(/\bparams\.p\d+/g) ?? [])].map((name) => name.slice(7)),
    };
  }

  /** The terms of all sums. */
  #forward(): Form {
    const writes = this.#sums.map((node, i) => {
      const text = node.kind === 'sum' ? `v${node.of.id}` : '';
      return ['terms', `${i} * params.vectors + id`, text] as const;
    });
    return this.#form('terms', this.#values, writes, this.#width);
  }

  /** The results, from the sums. */
  #last(): Form {
    const writes = [...this.#results.values()].map(({ id }, i) => [`r${i}`, 'id', `v${id}`] as const);
    return this.#form('results', this.#values, writes, 1);
  }

  /** The gradients of all inputs, given those of some results. */
  #backward(given: readonly number[]): Form {
    const statements = [...this.#values];
    const gradients = new Map<number, string>();
    const add = (to: TraceNode, text: string): void => {
      if (!to.requiresGrad) return;
      const before = gradients.get(to.id);
      const name = `g${statements.length}`;
      statements.push({ name, text: before ? `${before} + ${text}` : text });
      gradients.set(to.id, name);
    };
    for (const [i, node] of [...this.#results.values()].entries())
      if (given.includes(i)) add(node, `T(d${i}[0])`);
    for (const node of [...this.#trace.nodes].reverse()) {
      const dy = gradients.get(node.id);
      if (dy === undefined) continue;
      if (node.kind === 'sum') add(node.of, dy);
      if (node.kind !== 'op') continue;
      for (const [i, operand] of node.operands.entries()) {
        const gradient = node.gradients[i];
        if (typeof operand !== 'object' || gradient === undefined || !operand.requiresGrad) continue;
        // A name of its own keeps the order of the operations.
        const name = `g${statements.length}`;
        statements.push({ name, text: this.#expression(node, gradient, dy) });
        add(operand, name);
      }
    }
    const writes = this.#inputs.flatMap(({ id }) => {
      const text = gradients.get(id);
      return text ? [[`o${id}`, 'id', text] as const] : [];
    });
    return this.#form('gradients', statements, writes, this.#width);
  }

  #gradients(gradients: readonly Gradient[], sums: Tensor): Gradient[] {
    const { device, shape } = this.#trace;
    const given = gradients.flatMap((gradient, i) => (gradient ? [i] : []));
    const form = this.#backward(given);
    const results = this.#inputs.map(({ id }) =>
      Object.hasOwn(form.writes, `o${id}`) ? Tensor.empty(device, shape) : undefined,
    );
    const written = Object.fromEntries(
      this.#inputs.flatMap(({ id }, i) => (results[i] ? [[`o${id}`, results[i]]] : [])),
    );
    if (Object.keys(written).length === 0) return results;
    const numbers = Object.fromEntries(
      gradients.flatMap((gradient, i) => (gradient ? [[`d${i}`, gradient]] : [])),
    );
    this.#launch(form, { sums, ...numbers, ...written }, this.#count);
    return results;
  }

  /** Launch a kernel over a number of elements. */
  #launch(form: Form, tensors: Readonly<Record<string, Tensor>>, elements: number): void {
    const { device } = this.#trace;
    const all: Record<string, Tensor> = { ...tensors };
    for (const { id, tensor } of this.#inputs) all[`i${id}`] = tensor;
    const names = [...Object.keys(form.reads), ...Object.keys(form.writes)];
    const buffers = Object.fromEntries(names.map((name) => [name, all[name]?.view]));
    const params: Record<string, Scalar> = { vectors: elements / form.width };
    for (const name of form.params) params[name] = this.#scalars[Number(name.slice(1))] ?? 0;
    device.launch(kernelOf(form), buffers, params);
  }
}
