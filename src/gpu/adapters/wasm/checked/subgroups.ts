/**
 * Subgroup operations. A subgroup is a run of consecutive lanes; the last one of a workgroup may be shorter. Sums follow the order
 * of the lanes.
 */
import type { ScalarName } from '../wgsl/tree.ts';
import { viewOf } from './arithmetic.ts';
import { type Builtin, type Compiler, type Operand, temporary } from './compiler.ts';
import type { Machine } from './machine.ts';
import type { Register } from './register.ts';

const REDUCTIONS: Readonly<Record<string, (x: number, y: number) => number>> = {
  subgroupAdd: (x, y) => x + y,
  subgroupMin: (x, y) => (y < x ? y : x),
  subgroupMax: (x, y) => (x < y ? y : x),
};
/** Operations that read another lane: its number in the subgroup, from the reader's and the operation's operand. */
const READS: Readonly<Record<string, (lane: number, operand: number) => number>> = {
  subgroupBroadcast: (_, operand) => operand,
  subgroupShuffle: (_, operand) => operand,
  subgroupShuffleXor: (lane, operand) => (lane ^ operand) >>> 0,
};

export const isSubgroupBuiltin = (name: string): boolean => name in REDUCTIONS || name in READS;

/** Compile a subgroup operation. */
export function subgroupOperand(compiler: Compiler, builtin: Builtin): Operand {
  const { machine } = compiler;
  const { name, type, arguments: values, at } = builtin;
  const operands = values.map((value) => compiler.expression(value));
  const [x, lane] = operands;
  const reduce = REDUCTIONS[name];
  const compute = reduce
    ? (out: Register) => reduceLanes(machine, x.out, out, type.of, reduce)
    : (out: Register) => readLanes(machine, x.out, lane.out, out, builtin);
  const makeRun = (out: Register) => () => {
    for (const operand of operands) operand.run();
    expectUniform(machine, builtin);
    if (lane) machine.expectDefined(lane.out, at, `the lane of ${name}`);
    compute(out);
  };
  return temporary(compiler, type, makeRun, operands);
}

/** Report a subgroup of which only some lanes are active. */
function expectUniform(machine: Machine, { name, at }: Builtin): void {
  const { lanes, subgroup, mask, active } = machine;
  if (active === lanes) return;
  for (let first = 0; first < lanes; first += subgroup) {
    const end = Math.min(first + subgroup, lanes);
    let count = 0;
    for (let lane = first; lane < end; lane++) count += mask[lane];
    if (count === 0 || count === end - first) continue;
    const describe = () => `${count} of the ${end - first} lanes of a subgroup reach ${name}`;
    machine.report('non-uniform control flow', at, mask.indexOf(1, first), describe);
  }
}

function reduceLanes(
  { lanes, subgroup, mask }: Machine,
  x: Register,
  out: Register,
  type: ScalarName,
  reduce: (x: number, y: number) => number,
): void {
  const [from, to] = [x[viewOf(type)], out[viewOf(type)]];
  out.define();
  if (x.origins) out.writableOrigins();
  for (let first = 0; first < from.length; first += nextSubgroup(first, lanes, subgroup)) {
    const end = first + nextSubgroup(first, lanes, subgroup);
    const word = first - (first % lanes);
    let started = false;
    let result = 0;
    let origin = 0;
    for (let at = first; at < end; at++) {
      if (mask[at - word] === 0) continue;
      // Each partial sum is rounded to the type.
      to[first] = started ? reduce(result, from[at]) : from[at];
      result = to[first];
      started = true;
      origin ||= x.origins?.[at] ?? 0;
    }
    to.fill(result, first, end);
    out.origins?.fill(origin, first, end);
  }
}

/** Return the number of lanes of the subgroup that begins at an element. */
const nextSubgroup = (first: number, lanes: number, subgroup: number): number =>
  Math.min(subgroup, lanes - (first % lanes));

function readLanes(machine: Machine, x: Register, of: Register, out: Register, { name, at }: Builtin): void {
  const { lanes, subgroup, mask } = machine;
  out.define();
  const origins = x.origins && out.writableOrigins();
  const read = READS[name];
  for (let lane = 0; lane < lanes; lane++) {
    if (mask[lane] === 0) continue;
    const wanted = read(lane % subgroup, of.u[lane]);
    const source = lane - (lane % subgroup) + wanted;
    const exists = wanted < subgroup && source < lanes;
    if (!exists || mask[source] === 0) {
      const why = exists ? 'is not active' : `does not exist in subgroups of ${subgroup}`;
      machine.report('inactive lane', at, lane, () => `${name} reads lane ${wanted}, which ${why}`);
      continue;
    }
    for (let word = 0; word < x.u.length; word += lanes) {
      out.u[word + lane] = x.u[word + source];
      if (origins && x.origins) origins[word + lane] = x.origins[word + source];
    }
  }
}
