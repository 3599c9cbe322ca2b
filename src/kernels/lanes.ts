/**
 * Operations of the lanes of a subgroup together, in WGSL. A software driver executes reductions, loads and stores lane by
 * lane, with branches for each, even for equal values; broadcasts from constant lanes are almost free. Reductions by broadcasts
 * have the same bits as the driver's, which also follow the order of the lanes.
 */
import { unroll } from '../gpu/kernel.ts';

/** Maximum number of lanes that are read one by one, instead of by the driver's reductions. */
const FEW = 8;

const reduced = (lanes: number, few: (x: string, y: string) => string, many: string): string =>
  lanes > FEW
    ? `${many}(x)`
    : Array.from({ length: lanes }, (_, lane) => `subgroupBroadcast(x, ${lane})`).reduce(few);

/** Return the functions `laneSum`, `laneSum4` and `laneMax` for a subgroup of `lanes` lanes. */
export const laneReductions = (lanes: number): string => {
  const sum = reduced(lanes, (x, y) => `${x} + ${y}`, 'subgroupAdd');
  return `
fn laneSum(x: f32) -> f32 { return ${sum}; }
fn laneSum4(x: vec4f) -> vec4f { return ${sum}; }
fn laneMax(x: f32) -> f32 { return ${reduced(lanes, (x, y) => `max(${x}, ${y})`, 'subgroupMax')}; }`;
};

/**
 * Load vec4s that all lanes need: each lane loads a different one, and all get them as `name0`, `name1`, …
 * @param vec4At returns the vec4 whose number is a WGSL expression; numbers go up to a multiple of the lanes.
 */
export const sharedLoads = (
  lanes: number,
  name: string,
  count: number,
  vec4At: (number: string) => string,
): string => `
  ${unroll(Math.ceil(count / lanes), (i) => `let ${name}Of${i} = ${vec4At(`(lane + ${i * lanes})`)};`)}
  ${unroll(count, (n) => `let ${name}${n} = subgroupBroadcast(${name}Of${Math.floor(n / lanes)}, ${n % lanes});`)}`;

/** Store vec4s that all lanes have: each lane stores a different one. */
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
