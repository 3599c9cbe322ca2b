/**
 * The forward pass for GPUs, with a running maximum and sum (Milakov & Gimelshein, 1805.02867). Where a thread holds whole heads,
 * its scores of 4 to 16 keys are in registers that have names, four keys to a vec4. Where lanes share heads, scores pass through
 * workgroup memory, since the lanes add parts of them there.
 */
import { defineKernel, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { component } from './microkernel.ts';
import { PARAMS } from './shape.ts';
import { PASSES, type StagedLayout, scoresOf } from './staged.ts';
import { type Active, eachOf, type StagedWgsl, stagedWgsl } from './stagedWgsl.ts';

/** The scores of each active row with the keys of a quad; only of the thread's part of the head. */
function products(
  { each, vec4, dot }: StagedWgsl,
  quad: string,
  { rows }: Active,
  use: (i: number, n: number, score: string) => string,
): string {
  const score = (i: number, t: number): string =>
    dot(
      (c) => `q${i}_${c}`,
      (c) => `k${t}_${c}`,
    );
  return `
      ${unroll(4, (t) => each((c) => `let k${t}_${c} = ${vec4('block_k', `4 * (${quad}) + ${t}`, c)};`))}
      ${eachOf(rows, (i, n) => use(i, n, `vec4f(${unroll(4, (t) => score(i, t), ', ')})`))}`;
}

/** Subtract slopes, and hide the keys after the row. */
const visible = (
  pieces: StagedWgsl,
  score: string,
  { row, masked }: { readonly row: string; readonly masked: boolean },
): string => {
  const all = `${score}${pieces.distance(`f32(${row} - tile.y)`, 'vec4f(keys - tile.y)')}`;
  return masked ? `select(vec4f(-3.0e38), ${all}, keys <= vec4u(${row}))` : all;
};

const keysOf = (quad: string): string => `let keys = vec4u(first + 4 * (${quad})) + vec4u(0, 1, 2, 3);`;

/** Replaces the maximum of a row, and scales its sums. */
const raise = ({ each }: StagedWgsl, i: number, top: string): string => `
      let highest${i} = max(maximum${i}, max(max(${top}.x, ${top}.y), max(${top}.z, ${top}.w)));
      let rescale${i} = exp(maximum${i} - highest${i});
      maximum${i} = highest${i};
      sum${i} *= rescale${i};
      ${each((c) => `o${i}_${c} *= rescale${i};`)}`;

/** Adds up the values of a quad, by their probabilities `p`. */
const sumUp = (
  { each, vec4 }: StagedWgsl,
  quad: string,
  rows: readonly number[],
  p: (i: number) => string,
): string =>
  `${eachOf(rows, (i) => `sum${i} += (${p(i)}.x + ${p(i)}.y) + (${p(i)}.z + ${p(i)}.w);`)}
      ${unroll(4, (t) =>
        each(
          (c) => `{ let v = ${vec4('block_v', `4 * (${quad}) + ${t}`, c)};
      ${eachOf(rows, (i) => `o${i}_${c} += ${component(p(i), t)} * v;`)} }`,
        ),
      )}`;

/** A block where a thread holds whole heads. */
function wholeBlock(pieces: StagedWgsl, layout: StagedLayout, active: Active): string {
  const quads = scoresOf(layout) / 4;
  const { rows, masked } = active;
  const body = (start: string): string => {
    const quadOf = (n: number): string => `${start} + ${n}u`;
    return `
      ${unroll(
        quads,
        (n) => `${eachOf(rows, (i) => `var score${i}_${n}: vec4f;`)}
      { ${keysOf(quadOf(n))}
      ${products(pieces, quadOf(n), active, (i, _, score) => `score${i}_${n} = ${visible(pieces, score, { row: `row${i}`, masked: i === masked })};`)}
      }`,
      )}
      ${eachOf(
        rows,
        (
          i,
        ) => `let top${i} = ${unroll(quads - 1, () => 'max(', '')}score${i}_0${unroll(quads - 1, (n) => `, score${i}_${n + 1})`, '')};
      ${raise(pieces, i, `top${i}`)}
      ${unroll(quads, (n) => `score${i}_${n} = exp(score${i}_${n} - highest${i});`)}`,
      )}
      ${unroll(quads, (n) => sumUp(pieces, quadOf(n), rows, (i) => `score${i}_${n}`))}`;
  };
  return quads === pieces.quads
    ? body('0u')
    : `for (var quad = 0u; quad < quads; quad += ${quads}) { ${body('quad')} }`;
}

/** A block where lanes share heads. */
function sharedBlock(pieces: StagedWgsl, active: Active): string {
  const { rows } = active;
  const count = rows.length;
  const kept = (n: number): string => pieces.kept('quad', 0, n, count);
  return `for (var quad = 0u; quad < quads; quad++) {
      ${products(pieces, 'quad', active, (_, n, score) => `${pieces.part('quad', 0, n, count)} = ${score};`)}
      }
      ${pieces.combine(
        1,
        count,
        `${keysOf('quad')}
        let row = ${pieces.ofRow('row', active)};
        parts[at] = ${visible(pieces, 'sum0', { row: 'row', masked: true })};`,
      )}
      ${eachOf(rows, (i) => `var top${i} = vec4f(-3.0e38);`)}
      for (var quad = 0u; quad < quads; quad++) {
        ${eachOf(rows, (i, n) => `top${i} = max(top${i}, ${kept(n)});`)}
      }
      ${eachOf(rows, (i) => raise(pieces, i, `top${i}`))}
      for (var quad = 0u; quad < quads; quad++) {
        ${eachOf(rows, (i, n) => `let p${i} = exp(${kept(n)} - highest${i});`)}
        ${sumUp(pieces, 'quad', rows, (i) => `p${i}`)}
      }`;
}

/** Return the kernel for a layout. */
export const stagedForwardKernel = memoize((layout: StagedLayout) => {
  const pieces = stagedWgsl(layout, PASSES.forward);
  const { each, own } = pieces;
  return defineKernel({
    name: `attention forward staged ${pieces.label}`,
    params: PARAMS,
    reads: pieces.reads,
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${pieces.declarations('block_k', 'block_v')}
${pieces.main(`${eachOf(
  own,
  (i) => `var maximum${i} = -3.0e38; var sum${i} = 0.0;
    ${each((c) => `let q${i}_${c} = ${pieces.load('qkv', `row${i} * stride + headAt`, c)} * params.scale; var o${i}_${c} = vec4f();`)}`,
)}
    ${pieces.walk(
      (active) => `${pieces.fillKeys()}
      ${pieces.split ? sharedBlock(pieces, active) : pieces.ifSeen(active, wholeBlock(pieces, layout, active))}`,
    )}
    ${eachOf(
      own,
      (i) => `${each((c) => pieces.store('out', i, `row${i} * width + headAt`, c, `o${i}_${c} / sum${i}`))}
    ${pieces.once(i, `logSumExp[head * params.R + row${i}] = maximum${i} + log(sum${i});`)}`,
    )}`)}`,
  });
});
