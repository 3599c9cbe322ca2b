/**
 * Totals of many values in blocks of blocks, in WGSL: four values make a total, four of those the next one, and so on.
 * Added one after the other, n values go through up to n roundings; here each goes through 3·log₄(n) (Higham 1993, "The
 * accuracy of floating point summation"). The order is fixed, so the bits are. Four values are read at a time: on lavapipe
 * that costs no more than the plain loop, where a loop of four for them takes 1.7 times as long.
 */
const FAN_IN = 4;

export interface Cascade {
  /** The totals, by the name of the variable that they are left in, with the WGSL value that each starts from. */
  readonly totals: Readonly<Record<string, string>>;
  /** WGSL expression of the value number `i` that goes into a total. */
  readonly value: (total: string, i: string) => string;
  /** WGSL bounds of the loop, u32: the first number, and the one after the last. */
  readonly from: string;
  readonly to: string;
  /** 4^levels values make one total; those of longer loops are added one after the other. */
  readonly levels: number;
  /** WGSL of two totals together; their sum unless given. */
  readonly combine?: (a: string, b: string) => string;
}

const plus = (a: string, b: string): string => `${a} + ${b}`;

/** WGSL that computes the totals. */
export function cascade({ totals, value, from, to, levels, combine = plus }: Cascade): string {
  const names = Object.keys(totals);
  /** What a variable of the loop over blocks of 4^level values is called. */
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
