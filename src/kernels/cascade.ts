/**
 * Totals of many values in nested blocks, in WGSL: four values make a total, four totals make the next one, and so on.
 * Added one after another, a value takes part in up to n roundings; here in 3·log₄(n) (Higham 1993, "The accuracy of floating
 * point summation"). The order is fixed, and so are the bits. The code reads four values at a time, unrolled: on lavapipe that
 * is as fast as a plain loop, where an inner loop of four takes 1.7 times as long.
 */
const FAN_IN = 4;

export interface Cascade {
  /** The totals: the name of each result variable, with its initial value in WGSL. */
  readonly totals: Readonly<Record<string, string>>;
  /** Return the WGSL expression of value number `i` of a total. */
  readonly value: (total: string, i: string) => string;
  /** WGSL bounds of the loop, u32: the first number, and the end, excluded. */
  readonly from: string;
  readonly to: string;
  /** Depth of the nesting: 4^levels values make one total. Totals of longer loops are added one after another. */
  readonly levels: number;
  /** Return the WGSL that combines two totals. Default: their sum. */
  readonly combine?: (a: string, b: string) => string;
}

const plus = (a: string, b: string): string => `${a} + ${b}`;

/** Return the WGSL that computes the totals. */
export function cascade({ totals, value, from, to, levels, combine = plus }: Cascade): string {
  const names = Object.keys(totals);
  /** Return the name of a variable in the loop over blocks of 4^level values. */
  const of = (name: string, level: number): string => `${name}Of${FAN_IN ** level}`;
  const declare = (level: number): string =>
    names.map((name) => `var ${of(name, level)} = ${totals[name]};`).join(' ');

  const four = (name: string, end: string): string => {
    const i = of('i', 1);
    const later = [1, 2, 3].map((k) => {
      const inside = `${i} + ${k} < ${end}`;
      return `let ${name}${k} = select(${totals[name]}, ${value(name, `min(${i} + ${k}, ${end} - 1)`)}, ${inside});`;
    });
    const pair = (k: number): string => combine(`${name}${k}`, `${name}${k + 1}`);
    return `let ${name}0 = ${value(name, i)};
    ${later.join('\n    ')}
    ${of(name, 1)} = ${combine(of(name, 1), `(${combine(`(${pair(0)})`, `(${pair(2)})`)})`)};`;
  };

  const loop = (level: number, start: string, end: string): string => {
    const i = of('i', level);
    const next = of('end', level);
    const body =
      level === 1
        ? names.map((name) => four(name, end)).join('\n    ')
        : `${declare(level - 1)}
    let ${next} = min(${i} + ${FAN_IN ** level}, ${end});
    ${loop(level - 1, i, next)}
    ${names.map((name) => `${of(name, level)} = ${combine(of(name, level), of(name, level - 1))};`).join(' ')}`;
    return `for (var ${i} = ${start}; ${i} < ${end}; ${i} += ${FAN_IN ** level}) {
    ${body}
  }`;
  };

  const top = Math.max(1, levels - 1);
  return `${declare(top)}
  ${loop(top, from, to)}
  ${names.map((name) => `let ${name} = ${of(name, top)};`).join(' ')}`;
}
