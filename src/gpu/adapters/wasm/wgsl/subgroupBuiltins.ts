/** Builtin functions of subgroups (WGSL section 17.12). */
import { fail } from './error.ts';
import { concreteElement, numericShape, type Operand, toElements } from './operand.ts';
import {
  type Check,
  elementFor,
  entries,
  expectCount,
  INTEGERS,
  mismatch,
  NUMBERS,
  typed,
} from './signatures.ts';
import type { Place, ScalarName } from './tree.ts';
import { BOOL, concrete, vector } from './types.ts';

/** A subgroup builtin of one value, which it returns, and other values. */
function subgroup(elements: readonly ScalarName[], others: readonly Check[]): Check {
  return (name, operands, at) => {
    expectCount(name, operands, 1 + others.length, at);
    const [operand, ...rest] = operands;
    if (!operand) return mismatch(name, operands, at);
    const { of, size } = numericShape(operand, at);
    const element = concreteElement(elementFor(of, elements) ?? mismatch(name, operands, at));
    const values = [toElements(operand, element, at).expression];
    others.forEach((check, i) => {
      const other = rest[i];
      if (other) values.push(toElements(check(name, [other], at), concreteIndex(other, at), at).expression);
    });
    return { kind: 'builtin', name, arguments: values, type: concrete(element, size), at };
  };
}

function concreteIndex(operand: Operand, at: Place): ScalarName {
  return numericShape(operand, at).of === 'i32' ? 'i32' : 'u32';
}

/** A lane that is known when the shader compiles. */
const constantLane: Check = (name, [lane, ...rest], at) => {
  if (lane?.kind !== 'constant') return fail(at, `${name} takes a constant lane; use subgroupShuffle`);
  if (Number(lane.value) < 0) fail(at, `${name} takes a lane from 0`);
  return anyLane(name, [lane, ...rest], at);
};

const anyLane: Check = (name, [lane], at) => {
  const shape = lane && numericShape(lane, at);
  if (shape?.size !== 1 || !['i32', 'u32', 'abstract int'].includes(shape.of))
    return fail(at, `${name} takes a lane of type u32 or i32`);
  return lane ?? fail(at, `${name} takes a lane`);
};

export const SUBGROUP_BUILTINS: ReadonlyMap<string, Check> = new Map([
  ...entries('subgroupBroadcast', subgroup(NUMBERS, [constantLane])),
  ...entries(
    'subgroupShuffle subgroupShuffleXor subgroupShuffleUp subgroupShuffleDown',
    subgroup(NUMBERS, [anyLane]),
  ),
  ...entries('subgroupBroadcastFirst subgroupAdd subgroupMul subgroupMin subgroupMax', subgroup(NUMBERS, [])),
  ...entries('subgroupInclusiveAdd subgroupExclusiveAdd', subgroup(NUMBERS, [])),
  ...entries('subgroupInclusiveMul subgroupExclusiveMul', subgroup(NUMBERS, [])),
  ...entries('subgroupAnd subgroupOr subgroupXor', subgroup(INTEGERS, [])),
  ...entries('subgroupAll subgroupAny', typed([BOOL], BOOL)),
  ...entries('subgroupBallot', typed([BOOL], vector('u32', 4))),
  ...entries('subgroupElect', typed([], BOOL)),
]);

/** Return true if `name` is a builtin that subgroups have. */
export const isSubgroupBuiltin = (name: string): boolean => SUBGROUP_BUILTINS.has(name);
