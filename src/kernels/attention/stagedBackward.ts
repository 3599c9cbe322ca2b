/** The backward pass for GPUs. The formulas are in `backward.ts`. */
import { defineKernel, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { component } from './microkernel.ts';
import { PARAMS } from './shape.ts';
import { PASSES, type StagedLayout } from './staged.ts';
import { type Active, eachOf, type StagedWgsl, stagedWgsl } from './stagedWgsl.ts';

/** Both dot products of the rows `a` and `b` of the thread with four rows of a block, in terms of vec4s of its lane. */
const bothProducts = (
  { each, vec4, dot }: StagedWgsl,
  { rows }: Active,
  { quad, a, b }: { readonly quad: string; readonly a: string; readonly b: string },
  use: (i: number, n: number, products: readonly [string, string]) => string,
): string => {
  const product = (name: string, i: number): string =>
    `vec4f(${unroll(
      4,
      (t) =>
        dot(
          (c) => `${name}${i}_${c}`,
          (c) => `${name}_${t}_${c}`,
        ),
      ', ',
    )})`;
  return `${unroll(4, (t) =>
    each(
      (c) =>
        `let ${a}_${t}_${c} = ${vec4(`block_${a}`, `4 * ${quad} + ${t}`, c)}; let ${b}_${t}_${c} = ${vec4(`block_${b}`, `4 * ${quad} + ${t}`, c)};`,
    ),
  )}
      ${eachOf(rows, (i, n) => use(i, n, [product(a, i), product(b, i)]))}`;
};

/**
 * Repeat WGSL for the rows of a block, where a thread holds whole heads: `at` numbers the row, `t` its place in the block. Small
 * heads have several in the body of the loop.
 */
const eachKey = (
  { each, vec4, held }: StagedWgsl,
  names: readonly string[],
  body: (at: string, vec4Of: (name: string, c: number) => string, t: string) => string,
): string => {
  const unrolled = Math.max(1, 4 / 2 ** Math.ceil(Math.log2(held)));
  return `for (var at = 0u; at < 4 * quads; at += ${unrolled}) {
      ${unroll(unrolled, (n) => {
        const t = `(at + ${n})`;
        return `{ let row = first + ${t};
        ${names.map((name) => each((c) => `let ${name}_${c} = ${vec4(`block_${name}`, t, c)};`)).join('\n')}
        ${body('row', (name, c) => `${name}_${c}`, t)} }`;
      })}
      }`;
};

/** Return the kernel of dQ and D. */
export const stagedQueryKernel = memoize((layout: StagedLayout) => {
  const pieces = stagedWgsl(layout, PASSES.query);
  const { each, vec4, split, load, own } = pieces;
  const dScore = (s: string, dp: string, row: string, names: readonly [string, string]): string =>
    `select(vec4f(), exp(${s}${pieces.distance(`f32(${row} - tile.y)`, 'vec4f(keys - tile.y)')} - ${names[0]}) * (${dp} - ${names[1]}), keys <= vec4u(${row}))`;
  const keys = 'let keys = vec4u(first + 4 * quad) + vec4u(0, 1, 2, 3);';
  const sumUp = (rows: readonly number[], k: (t: number, c: number) => string): string =>
    unroll(4, (t) =>
      each((c) => eachOf(rows, (i) => `dq${i}_${c} += ${component(`ds${i}`, t)} * ${k(t, c)};`)),
    );
  const block = (active: Active): string => {
    const { rows } = active;
    const count = rows.length;
    if (!split)
      return eachKey(pieces, ['k', 'v'], (at, rowOf) =>
        eachOf(rows, (i) => {
          const [s, dp] = ['k', 'v'].map((name) =>
            pieces.dot(
              (c) => `${name}${i}_${c}`,
              (c) => rowOf(name, c),
            ),
          );
          const distance = pieces.distance(`f32(row${i} - tile.y)`, `f32(${at} - tile.y)`);
          const ds = `exp(${s}${distance} - lse${i}) * (${dp} - d${i})`;
          return `let ds${i} = ${i === active.masked ? `select(0.0, ${ds}, ${at} <= row${i})` : ds};
        ${each((c) => `dq${i}_${c} += ds${i} * ${rowOf('k', c)};`)}`;
        }),
      );
    return `for (var quad = 0u; quad < quads; quad++) {
      ${bothProducts(pieces, active, { quad: 'quad', a: 'k', b: 'v' }, (_, n, products) =>
        unroll(2, (sum) => `${pieces.part('quad', sum, n, count)} = ${products[sum]};`),
      )}
      }
      ${pieces.combine(
        2,
        count,
        `${keys}
        let row = ${pieces.ofRow('row', active)};
        parts[at] = ${dScore('sum0', 'sum1', 'row', [pieces.ofRow('lse', active), pieces.ofRow('d', active)])};`,
      )}
      for (var quad = 0u; quad < quads; quad++) {
      ${eachOf(rows, (i, n) => `let ds${i} = ${pieces.kept('quad', 0, n, count)};`)}
      ${unroll(4, (t) => each((c) => `let k_${t}_${c} = ${vec4('block_k', `4 * quad + ${t}`, c)};`))}
      ${sumUp(rows, (t, c) => `k_${t}_${c}`)}
      }`;
  };
  return defineKernel({
    name: `attention backward query staged ${pieces.label}`,
    params: PARAMS,
    reads: { ...pieces.reads, out: 'array<vec4f>', dOut: 'array<vec4f>', logSumExp: 'array<f32>' },
    writes: { dQkv: 'array<vec4f>', delta: 'array<f32>' },
    code: `${pieces.declarations('block_k', 'block_v')}
${pieces.main(`${eachOf(
  own,
  (i) => `let lse${i} = logSumExp[head * params.R + row${i}];
    ${each(
      (c) => `let k${i}_${c} = ${load('qkv', `row${i} * stride + headAt`, c)} * params.scale;
    let v${i}_${c} = ${load('dOut', `row${i} * width + headAt`, c)};
    var dq${i}_${c} = vec4f();`,
    )}`,
)}
    ${pieces.total('d', (i) =>
      pieces.dot(
        (c) => `v${i}_${c}`,
        (c) => load('out', `row${i} * width + headAt`, c),
      ),
    )}
    ${pieces.walk(
      (active) => `${pieces.fillKeys()}
      ${split ? block(active) : pieces.ifSeen(active, block(active))}`,
    )}
    ${eachOf(
      own,
      (
        i,
      ) => `${each((c) => pieces.store('dQkv', i, `row${i} * stride + headAt`, c, `dq${i}_${c} * params.scale`))}
    ${pieces.once(i, `delta[head * params.R + row${i}] = d${i};`)}`,
    )}`)}`,
  });
});

/** Return the kernel of dK and dV. */
export const stagedKeyValueKernel = memoize((layout: StagedLayout) => {
  const pieces = stagedWgsl(layout, PASSES.keyValue);
  const { each, vec4, split, load, scalar, own } = pieces;
  const { group, vectors, alibi } = layout;
  const quadOf = (name: string): string =>
    `vec4f(${unroll(4, (t) => scalar(name, `4 * quad + ${t}`), ', ')})`;
  const saved = `let queries = vec4u(first + 4 * quad) + vec4u(0, 1, 2, 3);
      let saved = ${quadOf('lse')};
      let delta4 = ${quadOf('delta')};`;
  const score = (s: string, row: string): string =>
    `select(vec4f(), exp(${s}${pieces.distance('vec4f(queries - tile.y)', `f32(${row} - tile.y)`)} - saved), queries >= vec4u(${row}))`;
  const sumUp = (rows: readonly number[], row: (name: 'q' | 'g', t: number, c: number) => string): string =>
    unroll(4, (t) =>
      each((c) =>
        eachOf(
          rows,
          (i) =>
            `dv${i}_${c} += ${component(`p${i}`, t)} * ${row('g', t, c)}; dk${i}_${c} += ${component(`ds${i}`, t)} * ${row('q', t, c)};`,
        ),
      ),
    );
  const dScore = (p: string, dp: string): string => `${p} * (${dp} - delta4)`;
  const block = (active: Active): string => {
    const { rows } = active;
    const count = rows.length;
    const names = { quad: 'quad', a: 'q', b: 'g' };
    if (!split)
      return eachKey(pieces, ['q', 'g'], (at, rowOf, t) =>
        eachOf(rows, (i) => {
          const [s, dp] = ['q', 'g'].map((name) =>
            pieces.dot(
              (c) => `${name}${i}_${c}`,
              (c) => rowOf(name, c),
            ),
          );
          const distance = pieces.distance(`f32(${at} - tile.y)`, `f32(row${i} - tile.y)`);
          const p = `exp(${s}${distance} - ${scalar('lse', t)})`;
          return `let p${i} = ${i === active.masked ? `select(0.0, ${p}, ${at} >= row${i})` : p};
        let ds${i} = p${i} * (${dp} - ${scalar('delta', t)});
        ${each((c) => `dv${i}_${c} += p${i} * ${rowOf('g', c)}; dk${i}_${c} += ds${i} * ${rowOf('q', c)};`)}`;
        }),
      );
    return `for (var quad = 0u; quad < quads; quad++) {
      ${bothProducts(pieces, active, names, (_, n, products) =>
        unroll(2, (sum) => `${pieces.part('quad', sum, n, count)} = ${products[sum]};`),
      )}
      }
      ${pieces.combine(
        2,
        count,
        `${saved}
        let row = ${pieces.ofRow('row', active)};
        let p = ${score('sum0', 'row')};
        parts[at] = p;
        parts[at + ${pieces.partOffset}] = ${dScore('p', 'sum1')};`,
      )}
      for (var quad = 0u; quad < quads; quad++) {
      ${eachOf(
        rows,
        (i, n) => `let p${i} = ${pieces.kept('quad', 0, n, count)};
      let ds${i} = ${pieces.kept('quad', 1, n, count)};`,
      )}
      ${unroll(4, (t) =>
        each(
          (c) =>
            `let q_${t}_${c} = ${vec4('block_q', `4 * quad + ${t}`, c)}; let g_${t}_${c} = ${vec4('block_g', `4 * quad + ${t}`, c)};`,
        ),
      )}
      ${sumUp(rows, (name, t, c) => `${name}_${t}_${c}`)}
      }`;
  };
  const firstHead = group > 1 ? 'head' : `group.y * ${layout.span}`;
  const walk = pieces.walk(
    (active) => `${pieces.fill(
      [
        { to: 'block_q', from: (row, column) => `qkv[${row} * stride + headsAt + ${column}]` },
        { to: 'block_g', from: (row, column) => `dOut[${row} * width + headsAt + ${column}]` },
      ],
      pieces.fillScalars(firstHead),
    )}
      ${split ? block(active) : pieces.ifSeen(active, block(active))}`,
  );
  return defineKernel({
    name: `attention backward key value staged ${pieces.label}`,
    params: PARAMS,
    reads: { ...pieces.reads, dOut: 'array<vec4f>', logSumExp: 'array<f32>', delta: 'array<f32>' },
    writes: { dQkv: 'array<vec4f>' },
    code: `${pieces.declarations('block_q', 'block_g')}
${pieces.main(`${eachOf(own, (i) =>
  each(
    (c) => `let q${i}_${c} = ${load('qkv', `row${i} * stride + keyAt`, c)} * params.scale;
    let g${i}_${c} = ${load('qkv', `row${i} * stride + keyAt + keyWidth`, c)};
    var dk${i}_${c} = vec4f();
    var dv${i}_${c} = vec4f();`,
  ),
)}
    ${
      group > 1
        ? `for (var head = group.y * ${group}; head < min((group.y + 1) * ${group}, params.heads); head++) {
    ${alibi ? 'let slope = slopes[head];' : ''}
    let headsAt = head * ${vectors};
    ${walk}
    }`
        : walk
    }
    ${eachOf(own, (i) =>
      each(
        (c) => `${pieces.store('dQkv', i, `row${i} * stride + keyAt`, c, `dk${i}_${c} * params.scale`)}
    ${pieces.store('dQkv', i, `row${i} * stride + keyAt + keyWidth`, c, `dv${i}_${c}`)}`,
      ),
    )}`)}`,
  });
});
