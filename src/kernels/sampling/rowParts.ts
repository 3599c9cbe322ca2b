/**
 * Parts of kernels that draw, or replay a draw, with threads that share a row: its logits four ids at a time, and the search for
 * the last of the likeliest ids whose number, or mass, reaches a bound. The likeliest ids come first, and of equal ones the lower.
 */
import { type Combination, groupAlong, larger, plus, type RowGroup } from '../rowGroup.ts';
import { elementFunctions, heldElements, LANE_ELEMENTS, type Walk, walkRow } from '../rowWalk.ts';

/** Below every logit that counts. */
export const LOWEST = 'vec4f(-3.0e38)';

/** Lanes whose ids make a word of a mask. */
export const WORD_LANES = 8;

/** Return the group for rows of V ids. */
export function groupOf(V: number): RowGroup {
  const { lanes, rows } = groupAlong(V / 4, LANE_ELEMENTS.each);
  const widened = Math.max(lanes, WORD_LANES);
  return { lanes: widened, rows: Math.max(1, (rows * lanes) / widened), beside: false, subgroup: false };
}

/** Combinations that the parts use. */
export const COMBINATIONS: readonly Combination[] = [
  { name: 'rowMax', type: 'f32', combine: larger },
  { name: 'rowSum', type: 'f32', combine: plus },
  { name: 'rowCount', type: 'u32', combine: plus },
];

/** Return WGSL functions of the four ids from 4w on of the row of logits that begins at `at`. */
export const idsWgsl = (V: number): string => `
fn exists(w: u32) -> vec4<bool> { return idsOf(w) < vec4u(${V}); }
fn idsOf(w: u32) -> vec4u { return vec4u(w * 4) + vec4u(0, 1, 2, 3); }
fn scaled(at: u32, w: u32) -> vec4f {
  let ids = min(idsOf(w), vec4u(${V - 1})) + at;
  let values = vec4f(logits[ids.x], logits[ids.y], logits[ids.z], logits[ids.w]);
  return select(${LOWEST}, values * settings.inverseTemperature, exists(w));
}
${elementFunctions(true)}
fn countOf(x: vec4<bool>) -> u32 { return dot(select(vec4u(), vec4u(1), x), vec4u(1)); }
// How far an id is below the likeliest: of numbers that are not negative, the bits rise with the number.
fn distanceOf(z: vec4f) -> vec4u { return bitcast<vec4u>(abs(min(z, vec4f()))); }
fn isBefore(z: vec4f, w: u32, border: vec2u) -> vec4<bool> {
  let distance = distanceOf(z);
  return exists(w) & ((distance < vec4u(border.x)) | ((distance == vec4u(border.x)) & (idsOf(w) <= vec4u(border.y))));
}
fn massOf(z: vec4f, inside: vec4<bool>) -> f32 { return sumOf(select(vec4f(), exp(z), inside)); }`;

/** Return the walk over a row's ids, whose values are scaled logits by the name `z`. */
export const walkIds = (V: number, { lanes }: RowGroup): Walk<'z'> =>
  walkRow({
    ...{
      lanes,
      held: heldElements(Math.ceil(V / 4), lanes, LANE_ELEMENTS.mostHeld),
      count: `${Math.ceil(V / 4)}u`,
    },
    values: { z: (w) => `scaled(at, ${w})` },
  });

/** A bound that the ids up to a border reach together. */
export interface Search {
  /** Name of the border, a variable (distance, id). */
  readonly border: string;
  /** WGSL of what four ids count, from their `z`, their number `w`, and which of them are `inside`. */
  readonly measure: (z: string, w: string, inside: string) => string;
  readonly type: 'f32' | 'u32';
  /** WGSL of the bound. */
  readonly bound: string;
}

/** Largest distance, that of an id that cannot be drawn. */
const FARTHEST = 0x7f80_0000;

/**
 * Return the WGSL that moves the border to the first id with which the bound is reached: first its distance is found by
 * bisection, then the id among those of the same distance. All lanes take the same number of steps.
 */
export function searchWgsl(V: number, walk: Walk<'z'>, { border, measure, type, bound }: Search): string {
  const bisect = (name: string, end: number, middle: string): string => `
    var ${name}Low = 0u;
    var ${name}High = ${end}u;
    for (var step = 0u; step < ${32 - Math.clz32(end)}; step++) {
      let middle = ${name}Low + (${name}High - ${name}Low) / 2;
      let tried = ${middle};
      ${walk.total('found', `${type}()`, (of, w) => measure(`(${of('z')} - highest)`, w, `isBefore(${of('z')} - highest, ${w}, tried)`))}
      let reached = ${type === 'u32' ? 'rowCount' : 'rowSum'}(found, thread) >= ${bound};
      if (${name}Low < ${name}High) {
        if (reached) { ${name}High = middle; } else { ${name}Low = middle + 1; }
      }
    }`;
  return `{${bisect('distance', FARTHEST, `vec2u(middle, ${V}u)`)}
    ${bisect('id', V - 1, 'vec2u(distanceLow, middle)')}
    ${border} = vec2u(distanceLow, idLow);
  }`;
}
