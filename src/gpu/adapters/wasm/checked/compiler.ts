/** State that the parts of the interpreter's compiler share: each turns a piece of the tree into a closure over registers. */
import type { Expression, Place, ShaderFunction, Type, Variable } from '../wgsl/tree.ts';
import { wordsOf } from './layout.ts';
import type { Machine } from './machine.ts';
import type { Register, RegisterPool } from './register.ts';
import type { Segment } from './segment.ts';

/** Runs a piece of a kernel, for the active lanes of the workgroup. */
export type Run = () => void;

/** A call of a builtin function. */
export type Builtin = Extract<Expression, { readonly kind: 'builtin' }>;

export const NOTHING: Run = () => {};

/** An expression as a closure: `run` leaves its value in `out`. */
export interface Operand {
  readonly out: Register;
  readonly run: Run;
  /**
   * `temporary`: nothing else refers to `out`, which can be reused when the value was taken. `variable`: `out` is (a part of) a
   * variable. `constant`: `out` always has the value.
   */
  readonly lifetime: 'temporary' | 'variable' | 'constant';
  /**
   * Return what leaves the value in another register instead, which may be that of an operand. Only of operations that are done
   * element by element.
   */
  readonly into?: (out: Register) => Run;
}

/** A function of the shader, compiled once. */
export interface CompiledFunction {
  readonly parameters: readonly Register[];
  readonly result: Register | undefined;
  readonly run: Run;
}

/** Lanes that left a loop, a `switch` or a turn of a loop. */
export class Exit {
  readonly lanes: Uint8Array;
  count = 0;

  constructor(lanes: number) {
    this.lanes = new Uint8Array(lanes);
  }

  clear(): void {
    if (this.count === 0) return;
    this.lanes.fill(0);
    this.count = 0;
  }
}

/** Masks that collect the lanes of a `break` or a `continue`. */
export interface Exits {
  readonly broken: Exit | undefined;
  readonly continued: Exit | undefined;
}

/** The compiler of one function. */
export interface Compiler {
  readonly machine: Machine;
  readonly pool: RegisterPool;
  /** Place of the statement that is being compiled. */
  place: Place;
  /** Result of the function. */
  readonly result: Register | undefined;
  registerOf(variable: Variable): Register;
  segmentOf(variable: Variable): Segment;
  functionOf(callee: ShaderFunction): CompiledFunction;
  /** Return a register that always has a value, given by its bits. */
  constant(bits: number): Register;
  expression(expression: Expression): Operand;
  /** Let a variable be a register of the pool until the end of the scope. */
  declare(variable: Variable, register: Register): void;
  /** Compile what is one scope. */
  scope<Result>(compile: () => Result): Result;
}

/**
 * Return a temporary operand that holds a value of a type. Its register may serve while the operands are computed, so `makeRun`'s
 * result must write it only after they all have run.
 */
export function temporary(
  compiler: Compiler,
  type: Type,
  makeRun: (out: Register) => Run,
  uses: readonly Operand[] = [],
): Operand {
  const out = compiler.pool.take(wordsOf(type));
  for (const operand of uses) release(compiler, operand);
  return { out, run: makeRun(out), lifetime: 'temporary' };
}

/** Return what runs operands one after another. Most are variables or constants, which have nothing to run. */
export function sequence(operands: readonly Operand[]): Run {
  const runs = operands.map(({ run }) => run).filter((run) => run !== NOTHING);
  const [first, second] = runs;
  if (runs.length <= 1) return first ?? NOTHING;
  if (runs.length === 2)
    return () => {
      first();
      second();
    };
  return () => {
    for (let i = 0; i < runs.length; i++) runs[i]();
  };
}

/** Let the register of an operand be reused. */
export function release({ pool }: Compiler, { out, lifetime }: Operand): void {
  if (lifetime === 'temporary') pool.giveBack(out);
}
