/**
 * The walk of a row's lanes over its elements, in WGSL: short rows are held in registers, longer ones are read again for every
 * total and result, since they stay in the cache. No lane holds more than a few elements.
 */
import { unroll } from '../gpu/kernel.ts';
import { cascade } from './cascade.ts';
import { plus } from './rowGroup.ts';

/** 256 elements of a lane make one total. */
const LEVELS = 4;

/** Elements of a row, where several kernels walk it: how many a lane takes if there are lanes enough, and how many it holds. */
export const LANE_ELEMENTS = { each: 2, mostHeld: 4 } as const;

/** WGSL of the sum and the maximum over the components of an element, a vec4 if it is `wide`. */
export const elementFunctions = (wide: boolean): string =>
  wide
    ? `
fn sumOf(x: vec4f) -> f32 { return (x.x + x.y) + (x.z + x.w); }
fn maxOf(x: vec4f) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }`
    : `
fn sumOf(x: f32) -> f32 { return x; }
fn maxOf(x: f32) -> f32 { return x; }`;

/** A row and the share of its lanes. */
export interface WalkedRow<Name extends string> {
  readonly lanes: number;
  /** Elements that a lane holds; 0 if the row is read again. */
  readonly held: number;
  /** WGSL for the number of elements, at least 1. */
  readonly count: string;
  /** Return the WGSL that loads an element, by name, from its number. Numbers are those of elements of the row. */
  readonly values: Readonly<Record<Name, (at: string) => string>>;
}

/** Access to the values of an element by their names. */
type Values<Name extends string> = (name: Name) => string;

/** Parts of a kernel that walks a row. */
export interface Walk<Name extends string> {
  /** Loads what the lane holds. It stands before everything else. */
  readonly load: string;
  /** Declare `name`, the total of `value` over the lane's elements. */
  readonly total: (
    name: string,
    initial: string,
    value: (of: Values<Name>, at: string) => string,
    combine?: (a: string, b: string) => string,
  ) => string;
  /** Run `text` for each element of the lane. */
  readonly each: (text: (of: Values<Name>, at: string) => string) => string;
}

/** Return the number of elements that a lane holds: `count` of a row shared by `lanes`, or 0 if these are above `most`. */
export const heldElements = (count: number, lanes: number, most: number): number => {
  const each = Math.max(1, Math.ceil(count / lanes));
  return each <= most ? each : 0;
};

/** Return the parts of a kernel that walks a row. */
export function walkRow<Name extends string>({ lanes, held, count, values }: WalkedRow<Name>): Walk<Name> {
  const names = Object.keys(values) as Name[];
  const own =
    (c: number): Values<Name> =>
    (name) =>
      `${name}${c}`;
  const read =
    (at: string): Values<Name> =>
    (name) =>
      values[name](at);
  if (held > 0) {
    return {
      load: unroll(
        held,
        (c) => `let at${c} = lane + ${c * lanes}; let has${c} = at${c} < ${count};
  ${names.map((name) => `let ${name}${c} = ${values[name](`min(at${c}, ${count} - 1)`)};`).join(' ')}`,
        '\n  ',
      ),
      total: (name, initial, value, combine = plus) => `var ${name}Held = ${initial};
  ${unroll(held, (c) => `if (has${c}) { ${name}Held = ${combine(`${name}Held`, value(own(c), `at${c}`))}; }`, '\n  ')}
  let ${name} = ${name}Held;`,
      each: (text) => unroll(held, (c) => `if (has${c}) { ${text(own(c), `at${c}`)} }`, '\n  '),
    };
  }
  return {
    load: `let share = (${count} - min(lane, ${count}) + ${lanes - 1}) / ${lanes};`,
    total: (name, initial, value, combine) => {
      const at = (i: string): string => `(lane + (${i}) * ${lanes})`;
      return cascade({
        totals: { [name]: initial },
        value: (_, i) => value(read(at(i)), at(i)),
        ...{ from: '0u', to: 'share', levels: LEVELS },
        ...(combine ? { combine } : {}),
      });
    },
    each: (text) => `for (var element = lane; element < ${count}; element += ${lanes}) {
    ${names.map((name) => `let ${name} = ${values[name]('element')};`).join(' ')}
    ${text((name) => name, 'element')}
  }`,
  };
}
