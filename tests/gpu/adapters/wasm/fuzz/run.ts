/**
 * Runs a program: workgroups one after the other, and in each the invocations, one after the other up to the next barrier. It
 * also checks what makes a program's result one result: no races, and all invocations of a workgroup reach the same barriers.
 */

import { type Dispatch, Invocation, type Memory, type Workgroup } from './invocation.ts';
import { decode, encode, type Value } from './layout.ts';
import type { BuiltinValue, Program, Triple } from './program.ts';
import { Touches, UnfitProgram } from './touches.ts';

/** Most statements that a program may run. */
const FUEL = 20_000;

/** Contents of bindings, by their numbers. */
export type Contents = ReadonlyMap<number, Uint8Array<ArrayBuffer>>;

/** The end of a program. */
export interface Result {
  readonly contents: Contents;
  /** True if all indices were in range. */
  readonly inRange: boolean;
}

/** Run a program. @throws UnfitProgram */
export function run(program: Program): Result {
  const bound = program.variables.filter(({ binding }) => binding !== undefined);
  const contents = new Map<number, Uint8Array<ArrayBuffer>>();
  const storage: Memory = new Map();
  for (const { binding = 0 } of bound)
    contents.set(binding, program.data.get(binding)?.slice() ?? new Uint8Array(0));
  const viewOf = (binding = 0): DataView => new DataView((contents.get(binding) ?? new Uint8Array(0)).buffer);
  for (const variable of bound) storage.set(variable, decode(variable.type, viewOf(variable.binding)));
  const dispatch: Dispatch = { program, storage, touches: new Touches(), fuel: FUEL, inRange: true };
  points(program.workgroups).forEach((group, number) => {
    runWorkgroup(dispatch, group, number);
  });
  for (const variable of bound) {
    const final = storage.get(variable);
    if (variable.space === 'read_write' && final !== undefined)
      encode(variable.type, final, viewOf(variable.binding));
  }
  return { contents, inRange: dispatch.inRange };
}

/** Return all points of a grid, x fastest. */
function points([width, height, depth]: Triple): Triple[] {
  return Array.from({ length: width * height * depth }, (_, i): Triple => {
    const row = Math.floor(i / width);
    return [i % width, row % height, Math.floor(row / height)];
  });
}

function runWorkgroup(dispatch: Dispatch, group: Triple, number: number): void {
  const { program } = dispatch;
  const workgroup: Workgroup = { memory: new Map(), touches: new Touches() };
  const locals = points(program.workgroupSize);
  const invocations = locals.map((local, index) =>
    new Invocation(dispatch, workgroup, index, number * locals.length + index).main(
      builtinValues(program, group, local, index),
    ),
  );
  for (;;) {
    const states = invocations.map((invocation) => invocation.next());
    const barriers = new Set(states.map((state) => (state.done ? undefined : state.value)));
    if (barriers.size > 1) throw new UnfitProgram('a barrier that not all invocations reach');
    if (states[0].done) return;
    workgroup.touches.clear();
  }
}

function builtinValues(
  { workgroups, workgroupSize }: Program,
  group: Triple,
  local: Triple,
  index: number,
): Record<BuiltinValue, Value> {
  return {
    workgroup_id: group,
    num_workgroups: workgroups,
    local_invocation_id: local,
    local_invocation_index: index,
    global_invocation_id: group.map((at, i) => at * workgroupSize[i] + local[i]),
  };
}
