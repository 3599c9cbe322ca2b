/**
 * What the lanes of a subgroup do together, in WGSL. A software driver walks through the lanes for every reduction, load
 * and store, with branches for each lane, whatever lanes have in common; broadcasts from constant lanes cost it next to
 * nothing. Reductions by broadcasts have the same bits as its own, which go in the order of the lanes too.
 */
import { unroll } from '../gpu/kernel.ts';

/** Lanes that are read one by one, instead of by the reductions of the driver. */
const FEW = 8;

const reduced = (lanes: number, few: (x: string, y: string) => string, many: string): string =>
  lanes > FEW
    ? `${many}(x)`
    : Array.from({ length: lanes }, (_, lane) => `subgroupBroadcast(x, ${lane})`).reduce(few);

/** Functions `laneSum`, `laneSum4` and `laneMax` over a subgroup of so many lanes. */
export const laneReductions = (lanes: number): string => {
  const sum = reduced(lanes, (x, y) => `${x} + ${y}`, 'subgroupAdd');
  return `
fn laneSum(x: f32) -> f32 { return ${sum}; }
fn laneSum4(x: vec4f) -> vec4f { return ${sum}; }
fn laneMax(x: f32) -> f32 { return ${reduced(lanes, (x, y) => `max(${x}, ${y})`, 'subgroupMax')}; }`;
};

/**
 * Loads vec4s that all lanes need, each lane another one, and gives them to all as `name0`, `name1`, …
 * @param vec4At the vec4 that is numbered by a WGSL expression; called with numbers up to a multiple of the lanes
 */
export const sharedLoads = (
  lanes: number,
  name: string,
  count: number,
  vec4At: (number: string) => string,
): string => `
  ${unroll(Math.ceil(count / lanes), (i) => `let ${name}Of${i} = ${vec4At(`(lane + ${i * lanes})`)};`)}
  ${unroll(count, (n) => `let ${name}${n} = subgroupBroadcast(${name}Of${Math.floor(n / lanes)}, ${n % lanes});`)}`;

/** Stores vec4s that all lanes have, each lane another one. */
export const sharedStores = (
  lanes: number,
  count: number,
  value: (n: number) => string,
  place: (number: string) => string,
): string =>
  unroll(Math.ceil(count / lanes), (i) => {
    const first = i * lanes;
    const members = Array.from({ length: Math.min(lanes, count - first) }, (_, lane) => lane);
    const mine = members.reduce(
      (chosen, lane) =>
        lane === 0 ? value(first) : `select(${chosen}, ${value(first + lane)}, lane == ${lane})`,
      '',
    );
    return `if (lane < ${members.length}) { ${place(`${first} + lane`)} = ${mine}; }`;
  });
