/**
 * The cost of a kernel, counted from its WGSL: what a workgroup holds, what the innermost loop moves and computes, and loops in
 * which one lane works alone. The checker of the WebAssembly adapter reads the WGSL.
 */
import { checkShader, rootOf, sizes, visit } from '../../src/gpu/adapters/wasm/wgsl/index.ts';
import type {
  AddressSpace,
  Expression,
  Shader,
  ShaderFunction,
  Statement,
} from '../../src/gpu/adapters/wasm/wgsl/tree.ts';
import { lonelyLoops } from './lonelyLoops.ts';
import { wordsAlive } from './wordsAlive.ts';

/** Work of one turn of a loop, by one invocation. */
export interface Work {
  /** Loads and stores of storage buffers; a vector is one. */
  readonly loads: number;
  readonly stores: number;
  /** Loads of workgroup memory. */
  readonly sharedLoads: number;
  /** Floating-point operations; a multiply-add is two. */
  readonly flops: number;
}

export interface KernelCost {
  /** Invocations of a workgroup. */
  readonly threads: number;
  /** Bytes of the arrays of an invocation. */
  readonly privateBytes: number;
  /** Estimate of the 32-bit registers of an invocation: the most words that are alive at once, without arrays. */
  readonly registers: number;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
  readonly storageBuffers: number;
  /** The innermost loop with the most work; all of the kernel if it has no loop. */
  readonly innermost: Work;
  /** Lines with a loop that only one lane of a workgroup or subgroup runs, by the WGSL. */
  readonly lonelyLoops: readonly number[];
}

const NOTHING: Work = { loads: 0, stores: 0, sharedLoads: 0, flops: 0 };

const add = (a: Work, b: Work): Work => ({
  loads: a.loads + b.loads,
  stores: a.stores + b.stores,
  sharedLoads: a.sharedLoads + b.sharedLoads,
  flops: a.flops + b.flops,
});

/** Builtins that only choose, combine bits or pass values on. */
const FREE = /^(select|subgroup(Broadcast|Shuffle|Elect|All|Any)|pack|unpack|bitcast|any|all)/;

/** Return the floating-point operations of an expression itself. */
function flopsOf(expression: Expression): number {
  if (expression.kind !== 'binary' && expression.kind !== 'builtin' && expression.kind !== 'unary') return 0;
  const { type } = expression;
  if (expression.kind === 'builtin' && expression.name === 'dot') {
    const [of] = expression.arguments;
    return of?.type?.kind === 'vector' && of.type.of === 'f32' ? 2 * of.type.size - 1 : 0;
  }
  if (type.of !== 'f32') return 0;
  const size = type.kind === 'vector' ? type.size : 1;
  if (expression.kind === 'builtin') {
    if (FREE.test(expression.name)) return 0;
    return expression.name === 'fma' ? 2 * size : size;
  }
  return size;
}

/** Return the work of statements, each loop in them counted as one turn. */
function workOf(statements: readonly Statement[], callees: ReadonlyMap<ShaderFunction, Work>): Work {
  let work = NOTHING;
  const touch = (space: AddressSpace, kind: 'loads' | 'stores'): void => {
    if (space === 'storage') work = { ...work, [kind]: work[kind] + 1 };
    if (space === 'workgroup' && kind === 'loads') work = { ...work, sharedLoads: work.sharedLoads + 1 };
  };
  visit(statements, {
    statement: (each) => {
      if (each.kind === 'assign') touch(rootOf(each.to).space, 'stores');
    },
    expression: (each) => {
      work = { ...work, flops: work.flops + flopsOf(each) };
      if (each.kind === 'load') touch(rootOf(each.from).space, 'loads');
      if (each.kind === 'atomic') touch(rootOf(each.on).space, 'stores');
      if (each.kind === 'call') work = add(work, callees.get(each.function) ?? NOTHING);
    },
  });
  return work;
}

/** Return true if statements contain a loop, or call what does. */
function loops(statements: readonly Statement[], looping: ReadonlySet<ShaderFunction>): boolean {
  let found = false;
  visit(statements, {
    statement: ({ kind }) => {
      found ||= kind === 'loop';
    },
    expression: (each) => {
      found ||= each.kind === 'call' && looping.has(each.function);
    },
  });
  return found;
}

/** Return the work of the innermost loop that moves and computes most; of the whole kernel without one. */
function innermostWork({ functions, entry }: Shader): Work {
  const work = new Map<ShaderFunction, Work>();
  const looping = new Set<ShaderFunction>();
  let best: Work | undefined;
  const weight = ({ loads, stores, sharedLoads, flops }: Work): number =>
    flops + loads + stores + sharedLoads;
  for (const each of functions) {
    visit(each.body, {
      statement: (statement) => {
        if (statement.kind !== 'loop') return;
        const turn = [...statement.body, ...statement.continuing];
        if (loops(turn, looping)) return;
        const found = workOf(turn, work);
        if (!best || weight(found) > weight(best)) best = found;
      },
    });
    work.set(each, workOf(each.body, work));
    if (loops(each.body, looping)) looping.add(each);
  }
  return best ?? work.get(entry.function) ?? NOTHING;
}

/** Return the bytes of an invocation's arrays. */
function privateBytes({ functions, variables }: Shader): number {
  let bytes = 0;
  for (const { space, type } of variables) {
    if (space === 'private' && type.kind === 'array') bytes += sizes(type).size;
  }
  for (const { body } of functions) {
    visit(body, {
      statement: (each) => {
        if (each.kind !== 'declare') return;
        const { type } = each.variable;
        if (type.kind === 'array') bytes += sizes(type).size;
      },
    });
  }
  return bytes;
}

/** Count the cost of a kernel. @throws WgslError if its WGSL has something that the checker does not support, such as f16. */
export function kernelCost(wgsl: string): KernelCost {
  const shader = checkShader(wgsl, () => undefined);
  const { entry, variables } = shader;
  const [x, y, z] = entry.workgroupSize;
  const within = (space: AddressSpace) => variables.filter((variable) => variable.space === space);
  return {
    threads: x * y * z,
    privateBytes: privateBytes(shader),
    registers: wordsAlive(shader),
    workgroupBytes: within('workgroup').reduce((bytes, { type }) => bytes + sizes(type).size, 0),
    storageBuffers: within('storage').length,
    innermost: innermostWork(shader),
    lonelyLoops: lonelyLoops(shader),
  };
}
