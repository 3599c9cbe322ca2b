/** Builtin functions of values on registers. Those without an instruction are functions of the shader's prelude instead. */
import type { ScalarName, Type } from '../wgsl/tree.ts';
import { type Binary, binary, type Ternary, type Unary, unary, viewOf } from './arithmetic.ts';
import { type Builtin, type Compiler, type Operand, sequence, temporary } from './compiler.ts';
import { wordsOf } from './layout.ts';
import { joinElements, joinLanes } from './origins.ts';
import type { Register } from './register.ts';
import { isSubgroupBuiltin, subgroupOperand } from './subgroups.ts';

const { fround } = Math;

/** Round to the nearest integer, ties to the even one. */
function roundToEven(x: number): number {
  const rounded = Math.round(x);
  const tie = Math.abs(x - Math.trunc(x)) === 0.5;
  const even = tie && rounded % 2 !== 0 ? rounded - 1 : rounded;
  return even === 0 && (x < 0 || Object.is(x, -0)) ? -0 : even;
}

const least = (x: number, y: number): number => (y < x ? y : x);
const most = (x: number, y: number): number => (x < y ? y : x);

/** Functions of one value, component by component. `|x|` of a float clears its sign bit. */
const UNARY: Readonly<Record<string, (type: ScalarName) => Unary>> = {
  abs: (type) =>
    type === 'i32'
      ? unary('i32', 'i32', (x) => (x < 0 ? -x : x))
      : unary('u32', 'u32', type === 'f32' ? (x) => x & 0x7fff_ffff : (x) => x),
  floor: () => unary('f32', 'f32', Math.floor),
  ceil: () => unary('f32', 'f32', Math.ceil),
  trunc: () => unary('f32', 'f32', Math.trunc),
  round: () => unary('f32', 'f32', roundToEven),
  sqrt: () => unary('f32', 'f32', Math.sqrt),
  countLeadingZeros: () => unary('u32', 'u32', Math.clz32),
  countTrailingZeros: () => unary('u32', 'u32', (x) => (x === 0 ? 32 : 31 - Math.clz32(x & -x))),
  countOneBits: () => unary('u32', 'u32', bitsOf),
};

function bitsOf(x: number): number {
  let count = 0;
  for (let rest = x; rest !== 0; rest &= rest - 1) count++;
  return count;
}

const BINARY: Readonly<Record<string, (type: ScalarName) => Binary>> = {
  min: (type) => binary(type, type, least),
  max: (type) => binary(type, type, most),
};

const ternary =
  (type: ScalarName, f: (x: number, y: number, z: number) => number): Ternary =>
  (out, x, y, z, count) => {
    const view = viewOf(type);
    const a = x[view];
    const b = y[view];
    const c = z[view];
    const d = out[view];
    for (let i = 0; i < count; i++) d[i] = f(a[i], b[i], c[i]);
  };

const TERNARY: Readonly<Record<string, (type: ScalarName) => Ternary>> = {
  clamp: (type) => ternary(type, (x, low, high) => least(most(x, low), high)),
};

/** Σ xᵢ·yᵢ in the order of the components, every product and every sum rounded. */
function dot(type: ScalarName, { out: x }: Operand, { out: y }: Operand, lanes: number, out: Register): void {
  const view = viewOf(type);
  const a = x[view];
  const b = y[view];
  const sum = out[view];
  const product = type === 'f32' ? (p: number, q: number) => fround(p * q) : Math.imul;
  for (let lane = 0; lane < lanes; lane++) sum[lane] = product(a[lane], b[lane]);
  for (let at = lanes; at < a.length; at++) sum[at % lanes] += product(a[at], b[at]);
}

/** Return 1 in the lanes in which some component, or every component, is true. */
function anyOrAll(name: string, { out: x }: Operand, lanes: number, out: Register): void {
  for (let lane = 0; lane < lanes; lane++) out.u[lane] = x.u[lane];
  for (let at = lanes; at < x.u.length; at++) {
    if (name === 'any') out.u[at % lanes] |= x.u[at];
    else out.u[at % lanes] &= x.u[at];
  }
}

/** Choose by a condition. The value that is not chosen may be undefined. */
function select(no: Register, yes: Register, condition: Register, lanes: number, out: Register): void {
  const { u: c } = condition;
  const count = out.u.length;
  const period = condition.words === 1 ? lanes : count;
  const { u: a } = no;
  const { u: b } = yes;
  if (period === count) for (let i = 0; i < count; i++) out.u[i] = c[i] === 0 ? a[i] : b[i];
  else for (let i = 0; i < count; i++) out.u[i] = c[i % period] === 0 ? a[i] : b[i];
  out.define();
  if (no.origins === undefined && yes.origins === undefined && condition.origins === undefined) return;
  const origins = out.writableOrigins();
  for (let i = 0; i < count; i++) {
    const at = i % period;
    const chosen = c[at] === 0 ? no : yes;
    origins[i] = condition.origins?.[at] || (chosen.origins?.[i] ?? 0);
  }
}

function scalarOf(type: Type | undefined): ScalarName {
  if (type?.kind === 'scalar' || type?.kind === 'vector') return type.of;
  throw new Error('a builtin function takes scalars and vectors');
}

/** Compile a builtin function. */
export function builtinOperand(compiler: Compiler, builtin: Builtin): Operand {
  const { name, type, arguments: values } = builtin;
  if (isSubgroupBuiltin(name)) return subgroupOperand(compiler, builtin);
  const { lanes } = compiler.machine;
  const operands = values.map((value) => compiler.expression(value));
  const compute = computation(builtin, operands, lanes);
  const run = sequence(operands);
  const makeRun = (out: Register) => () => {
    run();
    compute(out);
  };
  return temporary(compiler, type, makeRun, operands);
}

/** Return the function that computes a builtin from the registers of its operands. */
function computation(
  { name, arguments: values, type }: Builtin,
  operands: readonly Operand[],
  lanes: number,
): (out: Register) => void {
  const [x, y, z] = operands;
  const registers = operands.map(({ out }) => out);
  const joining = (compute: (out: Register) => void, join: typeof joinElements) => (out: Register) => {
    compute(out);
    join(out, registers, lanes);
  };
  const scalar = scalarOf(values[0].type);
  const count = wordsOf(type) * lanes;
  const [one, two, three] = [UNARY[name]?.(scalar), BINARY[name]?.(scalar), TERNARY[name]?.(scalar)];
  if (one) return joining((out) => one(out, x.out, count), joinElements);
  if (two) return joining((out) => two(out, x.out, y.out, count), joinElements);
  if (three) return joining((out) => three(out, x.out, y.out, z.out, count), joinElements);
  switch (name) {
    case 'select':
      return (out) => select(x.out, y.out, z.out, lanes, out);
    case 'dot':
      return joining((out) => dot(scalar, x, y, lanes, out), joinLanes);
    case 'any':
    case 'all':
      return joining((out) => anyOrAll(name, x, lanes, out), joinLanes);
    default:
      throw new Error(`the interpreter lacks the builtin function ${name}`);
  }
}
