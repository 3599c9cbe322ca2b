/** Instruction selection: values that are computed otherwise than they were written, in fewer instructions. */
import { unpackLanes } from './bits.ts';
import type { Immediate, Op, Value } from './value.ts';

/** The way a value is computed. A value is its own form unless it has another. */
export interface Form {
  readonly op: Op;
  readonly inputs: readonly Value[];
  readonly immediate: Immediate;
}

export interface FormOptions {
  /** Multiply and add with one rounding. */
  readonly relaxed: boolean;
}

/**
 * Return the forms of those of the values that have another.
 *
 * @param kept values that are used by other than values: they are needed as they are.
 */
export function formsOf(
  values: readonly Value[],
  kept: ReadonlySet<Value>,
  { relaxed }: FormOptions,
): ReadonlyMap<Value, Form> {
  const forms = new Map<Value, Form>();
  const users = usersOf(values);
  for (const value of values) {
    if (value.op === 'v128.load' && !value.pinned && !kept.has(value))
      narrow(value, users.get(value) ?? [], forms);
    if (relaxed) fuse(value, users, kept, forms);
  }
  return forms;
}

function usersOf(values: readonly Value[]): Map<Value, Value[]> {
  const users = new Map<Value, Value[]>();
  for (const value of values) {
    for (const input of value.inputs) {
      const known = users.get(input);
      if (known) known.push(value);
      else users.set(input, [value]);
    }
  }
  return users;
}

/** The lane that a value takes of a vector, if it takes one: to all lanes, or as a scalar. */
function laneOf({ op, immediate }: Value): number | undefined {
  if (op === 'f32x4.extract_lane' || op === 'i32x4.extract_lane') return Number(immediate);
  if (op !== 'shuffle') return undefined;
  const [first = 0, ...others] = unpackLanes(Number(immediate)).map((lane) => lane & 3);
  return others.every((lane) => lane === first) ? first : undefined;
}

const NARROW: Readonly<Partial<Record<Op, Op>>> = {
  'f32x4.extract_lane': 'f32.load',
  'i32x4.extract_lane': 'i32.load',
  shuffle: 'v128.load32_splat',
};

/** A vector of which only single lanes are used: each is loaded alone, as loads cost less than shuffles. */
function narrow(load: Value, users: readonly Value[], forms: Map<Value, Form>): void {
  if (!users.every((user) => laneOf(user) !== undefined)) return;
  for (const user of users) {
    const op = NARROW[user.op];
    const immediate = Number(load.immediate) + 4 * (laneOf(user) ?? 0);
    if (op) forms.set(user, { op, inputs: load.inputs, immediate });
  }
}

/** a·b + c and c − a·b, where nothing else uses the product. */
function fuse(
  value: Value,
  users: ReadonlyMap<Value, readonly Value[]>,
  kept: ReadonlySet<Value>,
  forms: Map<Value, Form>,
): void {
  if (value.op !== 'f32x4.add' && value.op !== 'f32x4.sub') return;
  const [left, right] = value.inputs;
  if (!left || !right || left === right) return;
  const isProduct = (factor: Value) =>
    factor.op === 'f32x4.mul' && users.get(factor)?.length === 1 && !kept.has(factor);
  if (isProduct(right)) {
    const op = value.op === 'f32x4.add' ? 'f32x4.relaxed_madd' : 'f32x4.relaxed_nmadd';
    forms.set(value, { op, inputs: [...right.inputs, left], immediate: 0 });
  } else if (isProduct(left) && value.op === 'f32x4.add') {
    forms.set(value, { op: 'f32x4.relaxed_madd', inputs: [...left.inputs, right], immediate: 0 });
  }
}
