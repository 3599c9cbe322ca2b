/** Atomic operations, lane after lane. */
import type { Expression, ScalarName } from '../wgsl/tree.ts';
import { type Compiler, type Operand, release, temporary } from './compiler.ts';
import { memoryReference } from './reference.ts';

type Atomic = Extract<Expression, { readonly kind: 'atomic' }>;

/** New values of memory, from its value and the operand. */
const OPERATIONS: Readonly<Record<string, (old: number, operand: number) => number>> = {
  atomicLoad: (old) => old,
  atomicStore: (_, operand) => operand,
  atomicExchange: (_, operand) => operand,
  atomicAdd: (old, operand) => old + operand,
  atomicSub: (old, operand) => old - operand,
  atomicMax: Math.max,
  atomicMin: Math.min,
  atomicAnd: (old, operand) => old & operand,
  atomicOr: (old, operand) => old | operand,
  atomicXor: (old, operand) => old ^ operand,
};

/** Compile an atomic operation. Its value is the one before. */
export function atomicOperand(
  compiler: Compiler,
  { name, on, arguments: values, type, at }: Atomic,
): Operand {
  const { machine } = compiler;
  const operation = OPERATIONS[name];
  if (operation === undefined) throw new Error(`the interpreter lacks ${name}`);
  const { location, run } = memoryReference(compiler, on);
  const operands = values.map((value) => compiler.expression(value));
  const operand = operands.at(0);
  const view = viewOfInteger(type.of);
  const makeRun = (out: Operand['out']) => () => {
    run();
    operand?.run();
    if (operand) machine.expectDefined(operand.out, at, `the operand of ${name}`);
    out.define();
    const { addresses, valid, segment } = location;
    const memory =
      view === 'i'
        ? new Int32Array(segment.words.buffer, segment.words.byteOffset, segment.words.length)
        : segment.words;
    for (let lane = 0; lane < machine.lanes; lane++) {
      if (valid[lane] === 0) continue;
      const address = addresses[lane];
      if (name !== 'atomicStore' && !segment.isWritten(address)) {
        const describe = () => `${name} reads '${segment.variable.name}' where nothing was written`;
        machine.report('undefined value', at, lane, describe);
      }
      const old = memory[address];
      out[view][lane] = old;
      memory[address] = operation(old, operand?.out[view][lane] ?? 0);
      segment.setDefined(address);
    }
  };
  for (const each of operands.slice(1)) release(compiler, each);
  return temporary(compiler, type, makeRun, operands.slice(0, 1));
}

const viewOfInteger = (type: ScalarName): 'i' | 'u' => (type === 'i32' ? 'i' : 'u');
