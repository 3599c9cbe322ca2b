/**
 * Causal self-attention with ALiBi over packed sequences, forward and backward, without the T×T scores.
 *
 * `qkv` (R, 3d) holds the projections of R tokens, sequences end to end; rows are [q | k | v], heads side by side.
 * scores = q·kᵀ/√(d/H) − slope_h·(i − j) for j ≤ i. Forward keeps a running maximum and sum per query (Milakov &
 * Gimelshein, 1805.02867) and saves the log-sum-exp; backward recomputes the probabilities from it, with
 * D = rowsum(dO·O), dS = P·(dP − D) (Dao, 2307.08691): one kernel for dQ, one for dK and dV, no atomics.
 *
 * A workgroup takes one tile of consecutive rows of one sequence and one head; a lane owns one row. The other side
 * (keys for queries, queries for keys) comes in blocks of as many rows as there are lanes: each lane loads one row
 * and all read all of them, by subgroupBroadcast (`subgroup`, fast on software drivers) or from workgroup memory
 * (`portable`).
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, memoize } from '../gpu/kernel.ts';

const PORTABLE_LANES = 32;
/** Above this head size the broadcast variant would need more registers than there are. */
const SUBGROUP_MAX_HEAD = 32;

const each = (count: number, line: (i: number) => string, separator = '\n'): string =>
  Array.from({ length: count }, (_, i) => line(i)).join(separator);

/** Lanes per workgroup, which is also the number of rows in a tile, on this device. */
export function attentionTileRows(device: Device, headDim: number): number {
  return usesSubgroups(device, headDim) ? device.subgroupSize : PORTABLE_LANES;
}

function usesSubgroups(device: Device, headDim: number): boolean {
  return device.subgroupSize >= 4 && device.subgroupSize <= 16 && headDim <= SUBGROUP_MAX_HEAD;
}

/** How a block of rows is shared among lanes. `rows` are vec4 expressions a lane loads; `at` reads them for row t. */
function sharedBlock(
  lanes: number,
  subgroup: boolean,
  vectors: readonly string[],
  scalars: readonly string[],
) {
  const declarations = subgroup
    ? ''
    : [
        ...vectors.map((name) => `var<workgroup> block_${name}: array<vec4f, ${lanes}>;`),
        ...scalars.map((name) => `var<workgroup> block_${name}: array<f32, ${lanes}>;`),
      ].join('\n');
  return {
    declarations,
    load: (expression: (name: string) => string) =>
      [...vectors, ...scalars].map((name) => `let my_${name} = ${expression(name)};`).join('\n') +
      (subgroup
        ? ''
        : `\nworkgroupBarrier();\n${[...vectors, ...scalars].map((name) => `block_${name}[lane] = my_${name};`).join('\n')}
workgroupBarrier();`),
    at: (name: string, t: string | number) =>
      subgroup ? `subgroupBroadcast(my_${name}, ${t})` : `block_${name}[${t}]`,
    /** Repeats `body` for every row of the block: unrolled where a broadcast needs a constant lane. */
    rows: (body: (t: string) => string) =>
      subgroup
        ? each(lanes, (t) => `{ ${body(`${t}u`)} }`)
        : `for (var t = 0u; t < ${lanes}; t++) { ${body('t')} }`,
  };
}

const names = (prefix: string, dv: number) => Array.from({ length: dv }, (_, c) => `${prefix}${c}`);
const dot = (a: string, at: (c: number) => string, dv: number) =>
  each(dv, (c) => `dot(${a}${c}, ${at(c)})`, ' + ');

const PARAMS = { R: 'u32', heads: 'u32', headVectors: 'u32', scale: 'f32' } as const;

function entry(lanes: number, subgroup: boolean): string {
  const laneBuiltin = subgroup ? 'subgroup_invocation_id' : 'local_invocation_index';
  return `
@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(${laneBuiltin}) lane: u32) {
  let tile = tiles[group.x];       // first row of the tile, first and end row of its sequence
  let head = group.y;
  let slope = slopes[head];
  let stride = 3 * params.heads * params.headVectors;       // of qkv, in vec4s
  let width = params.heads * params.headVectors;
  let headAt = head * params.headVectors;
  let row = min(tile.x + lane, tile.z - 1);
  let valid = tile.x + lane < tile.z;`;
}

const forwardKernel = memoize((lanes: number, subgroup: boolean, dv: number) => {
  const block = sharedBlock(lanes, subgroup, [...names('k', dv), ...names('v', dv)], []);
  return defineKernel({
    name: `attention forward ${subgroup ? 'subgroup' : 'portable'} ${lanes}×${4 * dv}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: { qkv: 'array<vec4f>', slopes: 'array<f32>', tiles: 'array<vec4u>' },
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${block.declarations}
${entry(lanes, subgroup)}
  ${each(dv, (c) => `let q${c} = qkv[row * stride + headAt + ${c}] * params.scale; var o${c} = vec4f();`)}
  var maximum = -3.0e38;
  var sum = 0.0;
  let end = min(tile.x + ${lanes}, tile.z);
  for (var first = tile.y; first < end; first += ${lanes}) {
    let key = min(first + lane, end - 1) * stride + headAt;
    ${block.load((name) => `qkv[key + ${name.startsWith('k') ? 'width' : '2 * width'} + ${name.slice(1)}]`)}
    var score: array<f32, ${lanes}>;
    var highest = maximum;
    ${block.rows(
      (t) => `let j = first + ${t};
      let s = ${dot('q', (c) => block.at(`k${c}`, t), dv)} - slope * f32(i32(row) - i32(j));
      score[${t}] = select(-3.0e38, s, j <= row);
      highest = max(highest, score[${t}]);`,
    )}
    let rescale = exp(maximum - highest);
    maximum = highest;
    sum *= rescale;
    ${each(dv, (c) => `o${c} *= rescale;`)}
    ${block.rows(
      (t) => `let p = select(0.0, exp(score[${t}] - highest), first + ${t} <= row);
      sum += p;
      ${each(dv, (c) => `o${c} += p * ${block.at(`v${c}`, t)};`)}`,
    )}
  }
  if (valid) {
    ${each(dv, (c) => `out[row * width + headAt + ${c}] = o${c} / sum;`)}
    logSumExp[head * params.R + row] = maximum + log(sum);
  }
}`,
  });
});

const backwardQueryKernel = memoize((lanes: number, subgroup: boolean, dv: number) => {
  const block = sharedBlock(lanes, subgroup, [...names('k', dv), ...names('v', dv)], []);
  return defineKernel({
    name: `attention backward query ${subgroup ? 'subgroup' : 'portable'} ${lanes}×${4 * dv}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: {
      qkv: 'array<vec4f>',
      slopes: 'array<f32>',
      tiles: 'array<vec4u>',
      out: 'array<vec4f>',
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>', delta: 'array<f32>' },
    code: `${block.declarations}
${entry(lanes, subgroup)}
  var d = 0.0;
  ${each(
    dv,
    (c) => `let q${c} = qkv[row * stride + headAt + ${c}] * params.scale;
  let g${c} = dOut[row * width + headAt + ${c}];
  d += dot(g${c}, out[row * width + headAt + ${c}]);
  var dq${c} = vec4f();`,
  )}
  let lse = logSumExp[head * params.R + row];
  let end = min(tile.x + ${lanes}, tile.z);
  for (var first = tile.y; first < end; first += ${lanes}) {
    let key = min(first + lane, end - 1) * stride + headAt;
    ${block.load((name) => `qkv[key + ${name.startsWith('k') ? 'width' : '2 * width'} + ${name.slice(1)}]`)}
    ${block.rows(
      (t) => `let j = first + ${t};
      ${each(dv, (c) => `let k${c} = ${block.at(`k${c}`, t)};`)}
      let s = ${dot('q', (c) => `k${c}`, dv)} - slope * f32(i32(row) - i32(j));
      let dp = ${dot('g', (c) => block.at(`v${c}`, t), dv)};
      let ds = select(0.0, exp(s - lse) * (dp - d), j <= row);
      ${each(dv, (c) => `dq${c} += ds * k${c};`)}`,
    )}
  }
  if (valid) {
    ${each(dv, (c) => `dQkv[row * stride + headAt + ${c}] = dq${c} * params.scale;`)}
    delta[head * params.R + row] = d;
  }
}`,
  });
});

const backwardKeyValueKernel = memoize((lanes: number, subgroup: boolean, dv: number) => {
  const block = sharedBlock(lanes, subgroup, [...names('q', dv), ...names('g', dv)], ['lse', 'delta']);
  const sources: Record<string, string> = {
    lse: 'logSumExp[head * params.R + query]',
    delta: 'delta[head * params.R + query]',
  };
  return defineKernel({
    name: `attention backward key value ${subgroup ? 'subgroup' : 'portable'} ${lanes}×${4 * dv}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: {
      qkv: 'array<vec4f>',
      slopes: 'array<f32>',
      tiles: 'array<vec4u>',
      dOut: 'array<vec4f>',
      logSumExp: 'array<f32>',
      delta: 'array<f32>',
    },
    writes: { dQkv: 'array<vec4f>' },
    code: `${block.declarations}
${entry(lanes, subgroup)}
  ${each(
    dv,
    (c) => `let k${c} = qkv[row * stride + width + headAt + ${c}] * params.scale;
  let v${c} = qkv[row * stride + 2 * width + headAt + ${c}];
  var dk${c} = vec4f();
  var dv${c} = vec4f();`,
  )}
  for (var first = tile.x; first < tile.z; first += ${lanes}) {
    let query = min(first + lane, tile.z - 1);
    ${block.load(
      (name) =>
        sources[name] ??
        (name.startsWith('q')
          ? `qkv[query * stride + headAt + ${name.slice(1)}]`
          : `dOut[query * width + headAt + ${name.slice(1)}]`),
    )}
    ${block.rows(
      (t) => `let i = first + ${t};
      ${each(dv, (c) => `let q${c} = ${block.at(`q${c}`, t)}; let g${c} = ${block.at(`g${c}`, t)};`)}
      let s = ${dot('q', (c) => `k${c}`, dv)} - slope * f32(i32(i) - i32(row));
      let seen = i >= row && i < tile.z;
      let p = select(0.0, exp(s - ${block.at('lse', t)}), seen);
      let dp = ${dot('g', (c) => `v${c}`, dv)};
      let ds = select(0.0, p * (dp - ${block.at('delta', t)}), seen);
      ${each(dv, (c) => `dv${c} += p * g${c}; dk${c} += ds * q${c};`)}`,
    )}
  }
  if (valid) {
    ${each(
      dv,
      (c) => `dQkv[row * stride + width + headAt + ${c}] = dk${c} * params.scale;
    dQkv[row * stride + 2 * width + headAt + ${c}] = dv${c};`,
    )}
  }
}`,
  });
});

export interface AttentionShape {
  /** Tokens in all sequences. */
  readonly R: number;
  readonly heads: number;
  /** Size of a head, a multiple of 4. */
  readonly headDim: number;
  /** ALiBi slopes (heads). */
  readonly slopes: BufferView;
  /** u32 (tiles,4): first row of the tile, first and end row of its sequence, unused. */
  readonly tiles: BufferView;
  readonly tileCount: number;
}

function launchShape(device: Device, shape: AttentionShape) {
  const subgroup = usesSubgroups(device, shape.headDim);
  return {
    args: [attentionTileRows(device, shape.headDim), subgroup, shape.headDim / 4] as const,
    params: {
      R: shape.R,
      heads: shape.heads,
      headVectors: shape.headDim / 4,
      scale: 1 / Math.sqrt(shape.headDim),
    },
    grid: [shape.tileCount, shape.heads] as const,
  };
}

/** out (R,d) and logSumExp (heads,R) from qkv (R,3d). */
export function attentionForward(
  device: Device,
  shape: AttentionShape,
  qkv: BufferView,
  out: BufferView,
  logSumExp: BufferView,
): void {
  const { args, params, grid } = launchShape(device, shape);
  const { slopes, tiles } = shape;
  device.launch(forwardKernel(...args), { qkv, slopes, tiles, out, logSumExp }, params, grid);
}

/** dQkv (R,3d) from dOut (R,d) and what the forward pass read and saved. */
export function attentionBackward(
  device: Device,
  shape: AttentionShape,
  saved: { readonly qkv: BufferView; readonly out: BufferView; readonly logSumExp: BufferView },
  dOut: BufferView,
  dQkv: BufferView,
): void {
  const { args, params, grid } = launchShape(device, shape);
  const { slopes, tiles } = shape;
  const { qkv, out, logSumExp } = saved;
  const delta = device.allocate(shape.R * shape.heads * 4);
  device.launch(
    backwardQueryKernel(...args),
    { qkv, slopes, tiles, out, dOut, logSumExp, dQkv, delta },
    params,
    grid,
  );
  device.launch(
    backwardKeyValueKernel(...args),
    { qkv, slopes, tiles, dOut, logSumExp, delta, dQkv },
    params,
    grid,
  );
  device.release(delta);
}
