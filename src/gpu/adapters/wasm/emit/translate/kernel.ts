/** The whole of a kernel: its workgroups and invocations, and where the variables of the module are. */
import type {
  BuiltinValue,
  EntryPoint,
  Expression,
  Shader,
  ShaderFunction,
  Type,
  Variable,
} from '../../wgsl/tree.ts';
import { Builder } from '../builder.ts';
import type { FunctionGraph } from '../control.ts';
import type { Value } from '../value.ts';
import { hasBarrier } from './barrierCalls.ts';
import { type InvocationContext, translateWithBarriers } from './barriers.ts';
import { inlineCall } from './calls.ts';
import { type Frame, type Home, type MemoryHome, NeedsMemory, type Place, type Targets } from './context.ts';
import { evaluate } from './expressions.ts';
import { bindingRange, eachInvocation, eachWorkgroup, workgroupCounts } from './invocations.ts';
import { scratchSize } from './places.ts';
import type { Pointers } from './pointers.ts';
import { translate } from './statements.ts';
import { clear, declareVariable } from './variables.ts';
import { vectorOf } from './vectors.ts';

export interface TranslatedKernel {
  readonly graph: FunctionGraph;
  readonly scratchBytes: number;
}

/** Translate a shader without subgroups. */
export function translateKernel(shader: Shader): TranslatedKernel {
  const inMemory = new Set<Variable>();
  for (;;) {
    try {
      return new KernelTranslation(shader, inMemory).run();
    } catch (reason) {
      if (!(reason instanceof NeedsMemory)) throw reason;
      inMemory.add(reason.variable);
    }
  }
}

type Triple = readonly [x: Value, y: Value, z: Value];

class KernelTranslation implements InvocationContext {
  readonly builder = new Builder(['i32', 'i32', 'i32', 'i32']);
  readonly homes = new Map<Variable, Home>();
  readonly reserved = new Map<Variable, Place>();
  readonly inMemory: ReadonlySet<Variable>;
  readonly invocations: number;
  pointers: Pointers | undefined;
  frame: Frame | undefined;
  targets: Targets = { end: undefined, next: undefined };
  readonly #shader: Shader;
  readonly #hasBarrier: boolean;
  readonly #scratch: Value;
  #scratchBytes = 0;
  /** Offsets in scratch memory. */
  readonly #offsets = new Map<Variable, number>();
  readonly #counts: Triple;
  #workgroup: Triple;
  #invocation: Value;

  constructor(shader: Shader, inMemory: ReadonlySet<Variable>) {
    this.#shader = shader;
    this.inMemory = inMemory;
    const [x, y, z] = shader.entry.workgroupSize;
    this.invocations = x * y * z;
    this.#hasBarrier = hasBarrier(shader.entry.function.body);
    const [launch, , , scratch] = this.builder.parameters;
    if (!launch || !scratch) throw new Error('a kernel has four parameters');
    this.#scratch = scratch;
    this.#counts = workgroupCounts(this.builder, launch);
    this.#invocation = this.builder.i32(0);
    this.#workgroup = [this.#invocation, this.#invocation, this.#invocation];
    for (const [i, variable] of bindingsOf(shader).entries()) {
      const range = bindingRange(this.builder, launch, i);
      this.homes.set(variable, {
        kind: 'memory',
        offset: 0,
        writable: variable.writable === true,
        ...range,
      });
    }
  }

  run(): TranslatedKernel {
    const { builder } = this;
    const [, first, end] = builder.parameters;
    if (!first || !end) throw new Error('a kernel has four parameters');
    const shared = this.#shader.variables.filter(({ space }) => space === 'workgroup');
    for (const variable of shared) this.homes.set(variable, this.#allocate(scratchSize(variable.type)));
    eachWorkgroup(builder, this.#counts, [first, end], (place) => {
      this.#workgroup = place;
      for (const variable of shared) {
        const home = this.homes.get(variable);
        if (home?.kind === 'memory') clear(this, home, scratchSize(variable.type));
      }
      this.#runWorkgroup();
    });
    return { graph: builder.finish(), scratchBytes: this.#scratchBytes };
  }

  evaluate(expression: Expression): readonly Value[] {
    return evaluate(this, expression);
  }

  call(callee: ShaderFunction, values: readonly (readonly Value[])[]): readonly Value[] {
    return inlineCall(this, callee, values);
  }

  /** With barriers, each invocation has its own: what one region leaves, a later one may read. */
  reserve(type: Type, variable?: Variable): MemoryHome {
    const size = scratchSize(type);
    const copies = this.#hasBarrier ? this.invocations : 1;
    let offset = variable && this.#offsets.get(variable);
    if (offset === undefined) {
      offset = this.#scratchBytes;
      this.#scratchBytes += size * copies;
      if (variable) this.#offsets.set(variable, offset);
    }
    const { builder } = this;
    const skipped =
      copies === 1 ? builder.i32(0) : builder.op('i32.mul', this.#invocation, builder.i32(size));
    const address = builder.op('i32.add', this.#scratch, skipped);
    return { kind: 'memory', address, offset, bytes: undefined, writable: true };
  }

  enter(invocation: Value): void {
    this.#invocation = invocation;
    const { function: main, builtins } = this.#shader.entry;
    for (const [i, parameter] of main.parameters.entries()) {
      const name = builtins[i];
      if (name) this.homes.set(parameter, { kind: 'values', values: [this.#builtinValue(name)] });
    }
  }

  #allocate(size: number): MemoryHome {
    const offset = this.#scratchBytes;
    this.#scratchBytes += size;
    return { kind: 'memory', address: this.#scratch, offset, bytes: undefined, writable: true };
  }

  #runWorkgroup(): void {
    const { entry, functions, variables } = this.#shader;
    const privates = variables.filter(({ space }) => space === 'private');
    const { body } = entry.function;
    if (this.#hasBarrier) {
      translateWithBarriers(this, functions, privates, body);
      return;
    }
    const { builder } = this;
    eachInvocation(builder, this.invocations, (invocation) => {
      this.enter(invocation);
      builder.block((end) => {
        this.frame = { end, result: builder.slots.length };
        for (const variable of privates) {
          declareVariable(this, variable, variable.initial && this.evaluate(variable.initial));
        }
        translate(this, body);
      });
    });
  }

  #builtinValue(name: BuiltinValue): Value {
    const { builder } = this;
    switch (name) {
      case 'workgroup_id':
        return vectorOf(builder, this.#workgroup, 'u32');
      case 'num_workgroups':
        return vectorOf(builder, this.#counts, 'u32');
      case 'local_invocation_index':
        return this.#invocation;
      case 'local_invocation_id':
        return vectorOf(builder, this.#localPlace(), 'u32');
      case 'global_invocation_id': {
        const local = this.#localPlace();
        const global = this.#workgroup.map((number, i) => {
          const size = builder.i32(this.#shader.entry.workgroupSize[i] ?? 1);
          return builder.op('i32.add', builder.op('i32.mul', number, size), local[i] ?? builder.i32(0));
        });
        return vectorOf(builder, global, 'u32');
      }
      case 'subgroup_invocation_id':
      case 'subgroup_size':
        throw new Error(`${name} is of kernels with subgroups`);
      default:
        return name satisfies never;
    }
  }

  #localPlace(): Triple {
    const { builder } = this;
    const [width, height] = sizeOf(this.#shader.entry);
    const row = builder.op('i32.div_u', this.#invocation, builder.i32(width));
    return [
      builder.op('i32.rem_u', this.#invocation, builder.i32(width)),
      builder.op('i32.rem_u', row, builder.i32(height)),
      builder.op('i32.div_u', row, builder.i32(height)),
    ];
  }
}

const sizeOf = ({ workgroupSize }: EntryPoint): EntryPoint['workgroupSize'] => workgroupSize;

/** Return the uniform and storage variables of a shader, in the order of their bindings. */
export const bindingsOf = ({ variables }: Shader): readonly Variable[] =>
  variables.filter(({ space }) => space === 'uniform' || space === 'storage');
