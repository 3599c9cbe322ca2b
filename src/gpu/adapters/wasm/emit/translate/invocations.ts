/** Loops over the workgroups of a call of `run`, and over the invocations of a workgroup. */

import { LAUNCH_BINDINGS } from '../../abi.ts';
import type { Builder } from '../builder.ts';
import type { Value } from '../value.ts';

/** Run `body` for each number of 0 to count − 1, one after another. */
export function eachInvocation(builder: Builder, count: number, body: (index: Value) => void): void {
  if (count === 1) {
    body(builder.i32(0));
    return;
  }
  const slot = builder.declare(builder.i32(0));
  builder.block((end) => {
    builder.loop([slot], (start) => {
      const index = builder.value(slot);
      index.bound = count - 1;
      body(index);
      const next = builder.op('i32.add', index, builder.i32(1));
      builder.ifElse(builder.op('i32.lt_u', next, builder.i32(count)), () => {
        builder.slots[slot] = next;
        builder.repeat(start);
      });
      builder.branch(end);
    });
  });
  builder.slots.length = slot;
}

type Triple<T> = readonly [x: T, y: T, z: T];

/** Return the numbers of workgroups, from the launch block. */
export const workgroupCounts = (builder: Builder, launch: Value): Triple<Value> => [
  builder.load('i32.load', launch, 0),
  builder.load('i32.load', launch, 4),
  builder.load('i32.load', launch, 8),
];

/** Return address and bytes of a binding, by its place among the bindings. */
export function bindingRange(
  builder: Builder,
  launch: Value,
  index: number,
): { address: Value; bytes: Value } {
  const at = LAUNCH_BINDINGS + 8 * index;
  return { address: builder.load('i32.load', launch, at), bytes: builder.load('i32.load', launch, at + 4) };
}

/** Run `body` for the workgroups `first` ≤ n < `end`; it gets their place in the grid. */
export function eachWorkgroup(
  builder: Builder,
  [countX, countY]: Triple<Value>,
  [first, end]: readonly [first: Value, end: Value],
  body: (place: Triple<Value>) => void,
): void {
  const one = builder.i32(1);
  // A count of 0 must not divide; such a launch has no workgroups.
  const width = builder.extremum('i32.max_u', countX, one);
  const height = builder.extremum('i32.max_u', countY, one);
  const row = builder.op('i32.div_u', first, width);
  const start = [
    first,
    builder.op('i32.rem_u', first, width),
    builder.op('i32.rem_u', row, height),
    builder.op('i32.div_u', row, height),
  ];
  const slots = start.map((value) => builder.declare(value));
  const [n = 0, x = 0, y = 0, z = 0] = slots;
  builder.block((done) => {
    builder.loop(slots, (again) => {
      const isLast = builder.op('i32.ge_u', builder.value(n), end);
      builder.ifElse(isLast, () => builder.branch(done));
      const place: Triple<Value> = [builder.value(x), builder.value(y), builder.value(z)];
      body(place);
      const nextX = builder.op('i32.add', place[0], one);
      const wrapsX = builder.op('i32.eq', nextX, width);
      const nextY = builder.op('i32.add', place[1], wrapsX);
      const wrapsY = builder.op('i32.eq', nextY, height);
      builder.slots[n] = builder.op('i32.add', builder.value(n), one);
      builder.slots[x] = builder.select(wrapsX, builder.i32(0), nextX);
      builder.slots[y] = builder.select(wrapsY, builder.i32(0), nextY);
      builder.slots[z] = builder.op('i32.add', place[2], wrapsY);
      builder.repeat(again);
    });
  });
}
