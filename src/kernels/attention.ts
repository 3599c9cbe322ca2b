/**
 * Causal self-attention with ALiBi over packed sequences, forward and backward, without the T×T scores.
 *
 * `qkv` (R, 3d) holds the projections of R tokens, sequences end to end; rows are [q | k | v], heads side by side.
 * scores = q·kᵀ/√(d/H) − slope_h·(i − j) for j ≤ i. Forward keeps a running maximum and sum per query (Milakov &
 * Gimelshein, 1805.02867) and saves the log-sum-exp; backward recomputes the probabilities from it, with
 * D = rowsum(dO·O), dS = P·(dP − D) (Dao, 2307.08691): one kernel for dQ, one for dK and dV, no atomics.
 *
 * A workgroup takes one tile of consecutive rows of one sequence and one head; a lane owns one or more of them. The
 * other side (keys for queries, queries for keys) comes in blocks of as many rows as there are lanes: each lane loads
 * one row and all read all of them, by subgroupBroadcast (`subgroup`, fast on software drivers, where loads are the
 * cost and more rows per lane share them) or from workgroup memory (`portable`).
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, GROUP_ARGS, linearGrid, memoize, unroll } from '../gpu/kernel.ts';

const PORTABLE_LANES = 32;
/** Above this head size the unrolled broadcasts outgrow the registers, and compile for most of a minute. */
const SUBGROUP_MAX_HEAD = 16;
/** The largest head that the portable variants keep in registers. */
const MAX_HEAD = 64;
/** Rows a lane of the broadcast variant owns. */
const SUBGROUP_OWN = 2;

/** Rows in a tile on this device. */
export function attentionTileRows(device: Device, headDim: number): number {
  return usesSubgroups(device, headDim) ? device.subgroupSize * SUBGROUP_OWN : PORTABLE_LANES;
}

/** Whether the kernels take heads of this size here: a block of the portable variants must fit in workgroup memory. */
export function attentionFits(device: Device, headDim: number): boolean {
  if (headDim === 0 || headDim % 4 !== 0 || headDim > MAX_HEAD) return false;
  const bytes = PORTABLE_LANES * (2 * headDim + 2) * 4;
  return usesSubgroups(device, headDim) || bytes <= device.gpu.limits.maxComputeWorkgroupStorageSize;
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
    /**
     * Repeats `body` for every row of the block: unrolled where a broadcast needs a constant lane. Elsewhere the count
     * is one the compiler does not know, or it unrolls by itself: 92 s of compilation instead of 4 for heads of 32.
     */
    rows: (body: (t: string) => string) =>
      subgroup
        ? unroll(lanes, (t) => `{ ${body(`${t}u`)} }`)
        : `for (var t = 0u; t < blockRows; t++) { ${body('t')} }`,
  };
}

const names = (prefix: string, dv: number) => Array.from({ length: dv }, (_, c) => `${prefix}${c}`);
const dot = (a: (c: number) => string, b: (c: number) => string, dv: number) =>
  unroll(dv, (c) => `dot(${a(c)}, ${b(c)})`, ' + ');

const PARAMS = { R: 'u32', tiles: 'u32', heads: 'u32', headVectors: 'u32', scale: 'f32' } as const;

/** The start of every kernel: which tile and head this is, and the rows `row0`, `row1`, … that the lane owns. */
function entry(lanes: number, subgroup: boolean, own: number): string {
  const laneBuiltin = subgroup ? 'subgroup_invocation_id' : 'local_invocation_index';
  return `
@compute @workgroup_size(${lanes})
fn main(${GROUP_ARGS}, @builtin(${laneBuiltin}) lane: u32) {
  let tileIndex = group.x + group.z * groups.x;
  if (tileIndex >= params.tiles) { return; }
  let tile = tiles[tileIndex];       // first row of the tile, first and end row of its sequence
  let head = group.y;
  let slope = slopes[head];
  let stride = 3 * params.heads * params.headVectors;       // of qkv, in vec4s
  let width = params.heads * params.headVectors;
  let headAt = head * params.headVectors;
  ${subgroup ? '' : `let blockRows = min(${lanes}u, tile.z - tile.y);`}
  ${unroll(own, (i) => `let row${i} = min(tile.x + lane + ${lanes * i}, tile.z - 1);`)}`;
}

/** Runs `store` for row i of the lane if it is one of the tile's. */
const ifValid = (lanes: number, i: number, store: string): string =>
  `if (tile.x + lane + ${lanes * i} < tile.z) { ${store} }`;

const loadKeyValue = (name: string): string =>
  `qkv[key + ${name.startsWith('k') ? 'width' : '2 * width'} + ${name.slice(1)}]`;

const forwardKernel = memoize((lanes: number, subgroup: boolean, own: number, dv: number) => {
  const block = sharedBlock(lanes, subgroup, [...names('k', dv), ...names('v', dv)], []);
  return defineKernel({
    name: `attention forward ${subgroup ? 'subgroup' : 'portable'} ${lanes}×${4 * dv}`,
    ...(subgroup ? { enables: ['subgroups'] } : {}),
    params: PARAMS,
    reads: { qkv: 'array<vec4f>', slopes: 'array<f32>', tiles: 'array<vec4u>' },
    writes: { out: 'array<vec4f>', logSumExp: 'array<f32>' },
    code: `${block.declarations}
${entry(lanes, subgroup, own)}
  ${unroll(
    own,
    (i) => `var maximum${i} = -3.0e38; var sum${i} = 0.0;
  ${unroll(dv, (c) => `let q${i}_${c} = qkv[row${i} * stride + headAt + ${c}] * params.scale; var o${i}_${c} = vec4f();`)}`,
  )}
  let end = min(tile.x + ${lanes * own}, tile.z);
  for (var first = tile.y; first < end; first += ${lanes}) {
    let key = min(first + lane, end - 1) * stride + headAt;
    ${block.load(loadKeyValue)}
    ${unroll(own, (i) => `var score${i}: array<f32, ${lanes}>; var highest${i} = maximum${i};`)}
    ${block.rows(
      (t) => `let j = first + ${t};
      ${unroll(dv, (c) => `let k${c} = ${block.at(`k${c}`, t)};`)}
      ${unroll(
        own,
        (i) => `let s${i} = ${dot(
          (c) => `q${i}_${c}`,
          (c) => `k${c}`,
          dv,
        )} - slope * f32(i32(row${i}) - i32(j));
      score${i}[${t}] = select(-3.0e38, s${i}, j <= row${i});
      highest${i} = max(highest${i}, score${i}[${t}]);`,
      )}`,
    )}
    ${unroll(
      own,
      (i) => `let rescale${i} = exp(maximum${i} - highest${i});
    maximum${i} = highest${i};
    sum${i} *= rescale${i};
    ${unroll(dv, (c) => `o${i}_${c} *= rescale${i};`)}`,
    )}
    ${block.rows(
      (t) => `${unroll(dv, (c) => `let v${c} = ${block.at(`v${c}`, t)};`)}
      ${unroll(
        own,
        (i) => `let p${i} = select(0.0, exp(score${i}[${t}] - highest${i}), first + ${t} <= row${i});
      sum${i} += p${i};
      ${unroll(dv, (c) => `o${i}_${c} += p${i} * v${c};`)}`,
      )}`,
    )}
  }
  ${unroll(own, (i) =>
    ifValid(
      lanes,
      i,
      `${unroll(dv, (c) => `out[row${i} * width + headAt + ${c}] = o${i}_${c} / sum${i};`)}
    logSumExp[head * params.R + row${i}] = maximum${i} + log(sum${i});`,
    ),
  )}
}`,
  });
});

const backwardQueryKernel = memoize((lanes: number, subgroup: boolean, own: number, dv: number) => {
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
${entry(lanes, subgroup, own)}
  ${unroll(
    own,
    (i) => `var d${i} = 0.0;
  let lse${i} = logSumExp[head * params.R + row${i}];
  ${unroll(
    dv,
    (c) => `let q${i}_${c} = qkv[row${i} * stride + headAt + ${c}] * params.scale;
  let g${i}_${c} = dOut[row${i} * width + headAt + ${c}];
  d${i} += dot(g${i}_${c}, out[row${i} * width + headAt + ${c}]);
  var dq${i}_${c} = vec4f();`,
  )}`,
  )}
  let end = min(tile.x + ${lanes * own}, tile.z);
  for (var first = tile.y; first < end; first += ${lanes}) {
    let key = min(first + lane, end - 1) * stride + headAt;
    ${block.load(loadKeyValue)}
    ${block.rows(
      (t) => `let j = first + ${t};
      ${unroll(dv, (c) => `let k${c} = ${block.at(`k${c}`, t)}; let v${c} = ${block.at(`v${c}`, t)};`)}
      ${unroll(
        own,
        (i) => `let s${i} = ${dot(
          (c) => `q${i}_${c}`,
          (c) => `k${c}`,
          dv,
        )} - slope * f32(i32(row${i}) - i32(j));
      let dp${i} = ${dot(
        (c) => `g${i}_${c}`,
        (c) => `v${c}`,
        dv,
      )};
      let ds${i} = select(0.0, exp(s${i} - lse${i}) * (dp${i} - d${i}), j <= row${i});
      ${unroll(dv, (c) => `dq${i}_${c} += ds${i} * k${c};`)}`,
      )}`,
    )}
  }
  ${unroll(own, (i) =>
    ifValid(
      lanes,
      i,
      `${unroll(dv, (c) => `dQkv[row${i} * stride + headAt + ${c}] = dq${i}_${c} * params.scale;`)}
    delta[head * params.R + row${i}] = d${i};`,
    ),
  )}
}`,
  });
});

const backwardKeyValueKernel = memoize((lanes: number, subgroup: boolean, own: number, dv: number) => {
  const block = sharedBlock(lanes, subgroup, [...names('q', dv), ...names('g', dv)], ['lse', 'delta']);
  const source = (name: string): string => {
    if (name === 'lse') return 'logSumExp[head * params.R + query]';
    if (name === 'delta') return 'delta[head * params.R + query]';
    const column = `headAt + ${name.slice(1)}`;
    return name.startsWith('q') ? `qkv[query * stride + ${column}]` : `dOut[query * width + ${column}]`;
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
${entry(lanes, subgroup, own)}
  ${unroll(own, (i) =>
    unroll(
      dv,
      (c) => `let k${i}_${c} = qkv[row${i} * stride + width + headAt + ${c}] * params.scale;
  let v${i}_${c} = qkv[row${i} * stride + 2 * width + headAt + ${c}];
  var dk${i}_${c} = vec4f();
  var dv${i}_${c} = vec4f();`,
    ),
  )}
  for (var first = tile.x; first < tile.z; first += ${lanes}) {
    let query = min(first + lane, tile.z - 1);
    ${block.load(source)}
    ${block.rows(
      (t) => `let at = first + ${t};
      let lse = ${block.at('lse', t)};
      let delta = ${block.at('delta', t)};
      ${unroll(dv, (c) => `let q${c} = ${block.at(`q${c}`, t)}; let g${c} = ${block.at(`g${c}`, t)};`)}
      ${unroll(
        own,
        (i) => `let s${i} = ${dot(
          (c) => `k${i}_${c}`,
          (c) => `q${c}`,
          dv,
        )} - slope * f32(i32(at) - i32(row${i}));
      let p${i} = select(0.0, exp(s${i} - lse), at >= row${i} && at < tile.z);
      let dp${i} = ${dot(
        (c) => `v${i}_${c}`,
        (c) => `g${c}`,
        dv,
      )};
      let ds${i} = select(0.0, p${i} * (dp${i} - delta), at >= row${i} && at < tile.z);
      ${unroll(dv, (c) => `dv${i}_${c} += p${i} * g${c}; dk${i}_${c} += ds${i} * q${c};`)}`,
      )}`,
    )}
  }
  ${unroll(own, (i) =>
    ifValid(
      lanes,
      i,
      unroll(
        dv,
        (c) => `dQkv[row${i} * stride + width + headAt + ${c}] = dk${i}_${c} * params.scale;
    dQkv[row${i} * stride + 2 * width + headAt + ${c}] = dv${i}_${c};`,
      ),
    ),
  )}
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
  const { R, heads, headDim, tileCount } = shape;
  const variant: [lanes: number, subgroup: boolean, own: number, dv: number] = usesSubgroups(device, headDim)
    ? [device.subgroupSize, true, SUBGROUP_OWN, headDim / 4]
    : [PORTABLE_LANES, false, 1, headDim / 4];
  // Heads are numbered by y; tiles that x cannot count go on along z.
  const [x, z] = linearGrid(tileCount);
  return {
    variant,
    params: { R, tiles: tileCount, heads, headVectors: headDim / 4, scale: 1 / Math.sqrt(headDim) },
    grid: [x, heads, z] as const,
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
  const { variant, params, grid } = launchShape(device, shape);
  const { slopes, tiles } = shape;
  device.launch(forwardKernel(...variant), { qkv, slopes, tiles, out, logSumExp }, params, grid);
}

/** dQkv (R,3d) from dOut (R,d) and what the forward pass read and saved. */
export function attentionBackward(
  device: Device,
  shape: AttentionShape,
  saved: { readonly qkv: BufferView; readonly out: BufferView; readonly logSumExp: BufferView },
  dOut: BufferView,
  dQkv: BufferView,
): void {
  const { variant, params, grid } = launchShape(device, shape);
  const { slopes, tiles } = shape;
  const { qkv, out, logSumExp } = saved;
  const delta = device.allocate(shape.R * shape.heads * 4);
  device.launch(
    backwardQueryKernel(...variant),
    { qkv, slopes, tiles, out, dOut, logSumExp, dQkv, delta },
    params,
    grid,
  );
  device.launch(
    backwardKeyValueKernel(...variant),
    { qkv, slopes, tiles, dOut, logSumExp, delta, dQkv },
    params,
    grid,
  );
  device.release(delta);
}
