/**
 * Rows shared by threads, in WGSL: a workgroup holds some rows, and `lanes` threads walk each of them side by side, so that
 * neighbouring threads load neighbours. What the lanes found is combined in a tree whose order depends on the number of lanes
 * alone: each step joins the threads whose numbers differ in one bit, the highest first. Workgroup memory and the shuffles of a
 * subgroup therefore have the same bits, on every adapter.
 */
import { GROUP_ARGS, GROUP_INDEX, linearGrid, type Workgroups } from '../gpu/kernel.ts';
import { nextPowerOfTwo } from '../gpu/variants.ts';

/** Layout of the threads of a workgroup. */
export interface RowGroup {
  /** Threads that share a row, a power of 2. */
  readonly lanes: number;
  /** Rows of a workgroup, a power of 2. */
  readonly rows: number;
  /** True if neighbouring threads belong to neighbouring rows; false if they belong to one row. */
  readonly beside: boolean;
  /** True if the workgroup is a subgroup, whose lanes exchange values without workgroup memory. */
  readonly subgroup: boolean;
}

/** Threads of a workgroup unless a row takes more: enough for several subgroups of every size but the largest. */
const THREADS = 64;
/** Maximum number of threads of a workgroup: every adapter has as many. */
const MOST_THREADS = 256;
/** Rows side by side in a workgroup: 32 words are a line of memory. */
const MOST_BESIDE = 32;

/** Return the number of threads of a workgroup. */
export const threadsOf = ({ lanes, rows }: RowGroup): number => lanes * rows;

/** Return the group for rows of `count` elements that are neighbours in memory; a lane takes `each` of them if that suffices. */
export function groupAlong(count: number, each: number): RowGroup {
  const lanes = Math.min(MOST_THREADS, nextPowerOfTwo(count / each));
  return { lanes, rows: Math.max(1, THREADS / lanes), beside: false, subgroup: false };
}

/** Return the group for rows of `count` elements of which `neighbours` lie side by side. */
export function groupBeside(count: number, each: number, neighbours: number): RowGroup {
  const fewest = Math.min(MOST_BESIDE, nextPowerOfTwo(neighbours));
  const lanes = Math.min(MOST_THREADS / fewest, nextPowerOfTwo(count / each));
  return { lanes, rows: Math.max(fewest, THREADS / lanes), beside: true, subgroup: false };
}

/** Return the group with a subgroup of `size` lanes for a workgroup, or undefined if its rows need more. */
export function asSubgroup(group: RowGroup, size: number): RowGroup | undefined {
  const fits = size > 0 && group.lanes <= size && !group.beside;
  return fits ? { ...group, rows: size / group.lanes, subgroup: true } : undefined;
}

/** Return the workgroups for `count` rows. */
export const rowGrid = ({ rows }: RowGroup, count: number): Workgroups => linearGrid(Math.ceil(count / rows));

/** Types that threads exchange. */
type Exchanged = 'f32' | 'u32' | 'vec2f' | 'vec2u' | 'vec4f' | 'vec4u';

/** A function that combines a value of each thread. All threads call it, and all get the result. */
export interface Combination {
  readonly name: string;
  readonly type: Exchanged;
  /** Return the WGSL that combines two values. It must not depend on their order. */
  readonly combine: (a: string, b: string) => string;
  /** Threads to combine: the lanes of a row (default), or the same lane of all rows. */
  readonly over?: 'lanes' | 'rows';
  /** Number of neighbouring lanes to combine, a power of 2. Default: all. */
  readonly of?: number;
}

/** Return the sum of two values in WGSL. */
export const plus = (a: string, b: string): string => `${a} + ${b}`;
/** Return the larger one of two values in WGSL. */
export const larger = (a: string, b: string): string => `max(${a}, ${b})`;

/** Return the number of the one bit of a power of 2. */
const bitOf = (power: number): number => 31 - Math.clz32(power);

/** Return the bits of a thread's number that tell the combined threads apart: the lowest, and the end. */
function combinedBits(group: RowGroup, { over = 'lanes', of = group.lanes }: Combination): [number, number] {
  const [lanes, all] = [bitOf(group.lanes), bitOf(threadsOf(group))];
  const rows = all - lanes;
  if (over === 'lanes') return group.beside ? [rows, rows + bitOf(of)] : [0, bitOf(of)];
  return group.beside ? [0, rows] : [lanes, all];
}

/** Bits of a thread's number that one exchange through workgroup memory takes in. */
const BITS = 3;

/** Return the WGSL expression that joins values in the order of the shuffles: those half of them apart, then a quarter. */
function joined(values: readonly string[], combine: Combination['combine']): string {
  const half = values.length / 2;
  if (half < 1) return values[0] ?? '';
  const pairs = values.slice(0, half).map((value, i) => `(${combine(value, values[i + half] ?? '')})`);
  return joined(pairs, combine);
}

/** Exchange values through workgroup memory: bits `low` to `end` of the threads' numbers, the highest three first. */
function exchanges(type: Exchanged, combine: Combination['combine'], low: number, end: number): string {
  if (end <= low) return '';
  const from = Math.max(low, end - BITS);
  const count = 2 ** (end - from);
  const names = Array.from({ length: count }, (_, i) => `from${i}`);
  const base = `(thread & ${0xffff_ffff - (count - 1) * 2 ** from}u)`;
  return `
  workgroupBarrier();
  ${type}Shares[thread] = total;
  workgroupBarrier();
  {
    ${names.map((name, i) => `let ${name} = ${type}Shares[${base} + ${i * 2 ** from}];`).join(' ')}
    total = ${joined(names, combine)};
  }${exchanges(type, combine, low, from)}`;
}

function shuffles(combine: Combination['combine'], low: number, end: number): string {
  const steps = Array.from({ length: end - low }, (_, i) => 2 ** (end - 1 - i));
  return steps
    .map(
      (step) => `{ let other = subgroupShuffleXor(total, ${step}u); total = ${combine('total', 'other')}; }`,
    )
    .join('\n  ');
}

/** Return the WGSL of functions `name(x, thread)`. All threads of a workgroup must call them together. */
export function combinations(group: RowGroup, list: readonly Combination[]): string {
  const exchanged = list.filter((item) => {
    const [low, end] = combinedBits(group, item);
    return !group.subgroup && end > low;
  });
  const types = [...new Set(exchanged.map(({ type }) => type))];
  return `
${types.map((type) => `var<workgroup> ${type}Shares: array<${type}, ${threadsOf(group)}>;`).join('\n')}
${list
  .map((item) => {
    const { name, type, combine } = item;
    const [low, end] = combinedBits(group, item);
    return `fn ${name}(x: ${type}, thread: u32) -> ${type} {
  var total = x;
  ${group.subgroup ? shuffles(combine, low, end) : exchanges(type, combine, low, end)}
  return total;
}`;
  })
  .join('\n')}`;
}

/** Return the extensions of a kernel. */
export const enablesOf = ({ subgroup }: RowGroup): readonly string[] => (subgroup ? ['subgroups'] : []);

/** Return the name of a group, to tell kernels apart. */
export const groupName = ({ lanes, rows, beside, subgroup }: RowGroup): string =>
  `${lanes} lanes × ${rows} rows${beside ? ' side by side' : ''}${subgroup ? ' subgroup' : ''}`;

/**
 * Return the entry point for workgroups that hold rows. In `body`, `thread` numbers the thread, `lane` its place in its row, and
 * `member` its row within the workgroup. `row` is the row, and `inside` is false for threads of rows past the last one: they
 * compute on the last row, and must not store.
 * @param count WGSL for the number of rows.
 */
export function rowEntry(group: RowGroup, count: string, body: string): string {
  return groupEntry(
    group,
    `
  let firstRow = ${GROUP_INDEX} * ${group.rows};
  if (firstRow >= ${count}) { return; }
  let inside = firstRow + member < ${count};
  let row = min(firstRow + member, ${count} - 1);
  ${body}`,
  );
}

/** Return the entry point for workgroups whose threads have `thread`, `lane` and `member` as in `rowEntry`. */
export function groupEntry(group: RowGroup, body: string): string {
  const { lanes, rows, beside, subgroup } = group;
  return `
@compute @workgroup_size(${threadsOf(group)})
fn main(${GROUP_ARGS}, @builtin(${subgroup ? 'subgroup_invocation_id' : 'local_invocation_index'}) thread: u32) {
  let lane = thread ${beside ? `/ ${rows}` : `% ${lanes}`};
  let member = thread ${beside ? `% ${rows}` : `/ ${lanes}`};
  ${body}
}`;
}

/** No number. */
export const NONE = '0xffffffffu';

/** WGSL of `orderOf(x)`: numbers that have the order of f32. */
export const BEST_WGSL = `
fn orderOf(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}`;

/** Return the combination of pairs (order, number) that finds the largest order, and of equal ones the lowest number. */
export const largestFirst = (name: string): Combination => ({
  name,
  type: 'vec2u',
  combine: (a, b) => `select(${a}, ${b}, ${b}.x > ${a}.x || (${b}.x == ${a}.x && ${b}.y < ${a}.y))`,
});
