/**
 * The load-balancing loss of a mixture of experts (Switch Transformer, Fedus et al., 2101.03961, eq. 4): row r's share
 * Σ_e f_e·p_re, where f_e is the fraction of entries sent to expert e and p_r the softmax of the router logits, and
 * its gradient p_re·(f_e − Σ f·p_r), with f constant. Only the first `rows` rows count: what follows is padding.
 */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, launchOf, type Scalar } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { type Family, launchChosen, type Variant } from '../gpu/variants.ts';
import { defaultsOf } from './defaults.ts';
import type { Routing } from './moe.ts';
import {
  combinations,
  enablesOf,
  groupAlong,
  groupEntry,
  groupName,
  larger,
  plus,
  type RowGroup,
  rowEntry,
  rowGrid,
} from './rowGroup.ts';
import { rowFamily, rowVariants, threadVariant } from './rowVariants.ts';
import { walkRow } from './rowWalk.ts';

const COUNT_PARAMS = { rows: 'u32', k: 'u32' } as const;
const COUNT_READS = { chosen: 'array<u32>' } as const;
const COUNT_WRITES = { counts: 'array<u32>' } as const;

/** Count the entries of the first `rows` rows for each expert. A workgroup counts for one expert; one thread adds up. */
const countKernel = defineKernel({
  name: 'moe balance count',
  params: COUNT_PARAMS,
  reads: COUNT_READS,
  writes: COUNT_WRITES,
  code: `
var<workgroup> partial: array<u32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) expert: vec3u, @builtin(local_invocation_index) thread: u32) {
  var count = 0u;
  for (var i = thread; i < params.rows * params.k; i += 64) { count += select(0u, 1u, chosen[i] == expert.x); }
  partial[thread] = count;
  workgroupBarrier();
  if (thread > 0) { return; }
  for (var i = 1u; i < 64; i++) { count += partial[i]; }
  counts[expert.x] = count;
}`,
});

/** The same by more threads, which add up in a tree. */
const treeGroup: RowGroup = { lanes: 256, rows: 1, beside: false, subgroup: false };
const countByTree = defineKernel({
  name: 'moe balance count, tree',
  params: COUNT_PARAMS,
  reads: COUNT_READS,
  writes: COUNT_WRITES,
  functions: combinations(treeGroup, [{ name: 'rowCount', type: 'u32', combine: plus }]),
  code: groupEntry(
    treeGroup,
    `var count = 0u;
  for (var i = lane; i < params.rows * params.k; i += ${treeGroup.lanes}) {
    count += select(0u, 1u, chosen[i] == group.x);
  }
  let total = rowCount(count, thread);
  if (lane == 0) { counts[group.x] = total; }`,
  ),
});

const FRACTION_WGSL = `
fn fraction(e: u32) -> f32 { return f32(counts[e]) / f32(params.rows * params.k); }`;

const balanceWgsl = `${FRACTION_WGSL}
struct Row { highest: f32, sum: f32, balance: f32 }
fn balanceOf(at: u32) -> Row {
  var highest = -3.0e38;
  for (var e = 0u; e < params.experts; e++) { highest = max(highest, logits[at + e]); }
  var sum = 0.0;
  var weighted = 0.0;
  for (var e = 0u; e < params.experts; e++) {
    let p = exp(logits[at + e] - highest);
    sum += p;
    weighted += p * fraction(e);
  }
  return Row(highest, sum, weighted / sum);
}`;

const PARAMS = { R: 'u32', rows: 'u32', experts: 'u32', k: 'u32', scale: 'f32' } as const;

const balanceKernel = defineKernel({
  name: 'moe balance',
  params: PARAMS,
  reads: { logits: 'array<f32>', counts: 'array<u32>' },
  writes: { shares: 'array<f32>' },
  functions: balanceWgsl,
  ...perElement('R', { id: 'row' })`if (row >= params.rows) { shares[row] = 0.0; return; }
  shares[row] = params.scale * balanceOf(row * params.experts).balance;`,
});

const balanceBackwardKernel = defineKernel({
  name: 'moe balance backward',
  params: PARAMS,
  reads: { logits: 'array<f32>', counts: 'array<u32>', dLoss: 'array<f32>' },
  writes: { dLogits: 'array<f32>' },
  functions: balanceWgsl,
  ...perElement('R', { id: 'row' })`let at = row * params.experts;
  let r = balanceOf(at);
  for (var e = 0u; e < params.experts; e++) {
    let p = exp(logits[at + e] - r.highest) / r.sum;
    let gradient = dLoss[0] * params.scale * p * (fraction(e) - r.balance);
    dLogits[at + e] = select(0.0, gradient, row < params.rows);
  }`,
});

/** Lanes share a row's experts. `finish` comes after `highest`, and `sums` of p and of p·f, are known. */
const rowCode = (group: RowGroup, finish: (each: (text: (e: string) => string) => string) => string) => {
  const walk = walkRow({
    ...{ lanes: group.lanes, held: 0, count: 'params.experts' },
    values: { logit: (e) => `logits[at + ${e}]` },
  });
  return {
    enables: enablesOf(group),
    functions: `${FRACTION_WGSL}${combinations(group, [
      { name: 'rowMax', type: 'f32', combine: larger },
      { name: 'rowSum2', type: 'vec2f', combine: plus },
    ])}`,
    code: rowEntry(
      group,
      'params.R',
      `let at = row * params.experts;
  ${walk.load}
  ${walk.total('top', '-3.0e38', (of) => of('logit'), larger)}
  let highest = rowMax(top, thread);
  ${walk.total('both', 'vec2f()', (of, e) => `exp(${of('logit')} - highest) * vec2f(1.0, fraction(${e}))`)}
  let sums = rowSum2(both, thread);
  if (!inside) { return; }
  ${finish((text) => walk.each((_, e) => text(e)))}`,
    ),
  };
};

const balanceByRow = memoize((group: RowGroup) =>
  defineKernel({
    name: `moe balance row ${groupName(group)}`,
    params: PARAMS,
    reads: { logits: 'array<f32>', counts: 'array<u32>' },
    writes: { shares: 'array<f32>' },
    ...rowCode(
      group,
      () =>
        'if (lane == 0) { shares[row] = select(0.0, params.scale * sums.y / sums.x, row < params.rows); }',
    ),
  }),
);

const backwardByRow = memoize((group: RowGroup) =>
  defineKernel({
    name: `moe balance backward row ${groupName(group)}`,
    params: PARAMS,
    reads: { logits: 'array<f32>', counts: 'array<u32>', dLoss: 'array<f32>' },
    writes: { dLogits: 'array<f32>' },
    ...rowCode(group, (each) =>
      each(
        (e) => `let p = exp(logits[at + ${e}] - highest) / sums.x;
    let gradient = dLoss[0] * params.scale * p * (fraction(${e}) - sums.y / sums.x);
    dLogits[at + ${e}] = select(0.0, gradient, row < params.rows);`,
      ),
    ),
  }),
);

export interface BalanceSize {
  /** Rows that count, of `routing.R`. */
  readonly rows: Scalar;
  /** Factor of every share. */
  readonly scale: Scalar;
}

type CountViews = { readonly chosen: BufferView; readonly counts: BufferView };
type ShareViews = { readonly logits: BufferView; readonly counts: BufferView; readonly shares: BufferView };
type GradientViews = {
  readonly logits: BufferView;
  readonly counts: BufferView;
  readonly dLoss: BufferView;
  readonly dLogits: BufferView;
};

/** Operands of a kernel of rows. */
interface BalanceOptions<Views> {
  readonly views: Views;
  readonly params: Readonly<Record<keyof typeof PARAMS, Scalar>> & {
    readonly R: number;
    readonly experts: number;
  };
}

const classOf = ({ params }: BalanceOptions<unknown>): string => `${params.experts} experts`;
const groupOf = ({ params }: BalanceOptions<unknown>): RowGroup => groupAlong(params.experts, 1);

/** The kernels of the shares. */
export const balanceFamily = rowFamily(
  'moe balance',
  classOf,
  threadVariant<BalanceOptions<ShareViews>, ShareViews, keyof typeof PARAMS>(
    () => balanceKernel,
    (options) => options,
  ),
  rowVariants<BalanceOptions<ShareViews>>({
    group: groupOf,
    plan: ({ views, params }, group) =>
      launchOf(balanceByRow(group), views, { params, workgroups: rowGrid(group, params.R) }),
  }),
);

/** Those of their gradient. */
export const balanceBackwardFamily = rowFamily(
  'moe balance backward',
  classOf,
  threadVariant<BalanceOptions<GradientViews>, GradientViews, keyof typeof PARAMS>(
    () => balanceBackwardKernel,
    (options) => options,
  ),
  rowVariants<BalanceOptions<GradientViews>>({
    group: groupOf,
    plan: ({ views, params }, group) =>
      launchOf(backwardByRow(group), views, { params, workgroups: rowGrid(group, params.R) }),
  }),
);

/** Operands of the count. */
interface CountOptions {
  readonly views: CountViews;
  readonly experts: number;
  readonly params: Readonly<Record<keyof typeof COUNT_PARAMS, Scalar>>;
}

const countVariant = (name: string, kernel: typeof countKernel, threads: number): Variant<CountOptions> => ({
  name,
  fits: ({ limits }) => limits.maxComputeInvocationsPerWorkgroup >= threads,
  plan: (_, { views, experts, params }) => launchOf(kernel, views, { params, workgroups: [experts] }),
});
const countThread = countVariant('thread', countKernel, 64);
const countRow = countVariant('row', countByTree, treeGroup.lanes);

/** The kernels that count. Integers: all have the same results. */
export const balanceCountFamily: Family<CountOptions> = {
  name: 'moe balance count',
  shapeClass: ({ experts }) => `${experts} experts`,
  variants: [countThread, countRow],
  portable: countThread.name,
  prefer: (device) => (defaultsOf(device).rows === 'row' ? countRow : countThread).name,
};

/** counts (experts), u32: entries of the first `rows` rows by expert. */
export function balanceCounts(device: Device, routing: Routing, counts: BufferView, rows: Scalar): void {
  const { experts, k, chosen } = routing;
  launchChosen(device, balanceCountFamily, { views: { chosen, counts }, experts, params: { rows, k } });
}

/** shares (R): scale · Σ_e f_e·p_e of each row. */
export function balanceShares(device: Device, routing: Routing, views: ShareViews, size: BalanceSize): void {
  const { R, experts, k } = routing;
  launchChosen(device, balanceFamily, { views, params: { R, experts, k, ...size } });
}

/** dLogits (R, experts) = dLoss · gradient of the shares. */
export function balanceBackward(
  device: Device,
  routing: Routing,
  views: GradientViews,
  size: BalanceSize,
): void {
  const { R, experts, k } = routing;
  launchChosen(device, balanceBackwardFamily, { views, params: { R, experts, k, ...size } });
}
