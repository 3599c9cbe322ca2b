/** The choice of experts of each row: the k highest router logits, of equal ones the first, and a softmax over them. */
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { defineKernel, launchOf } from '../gpu/kernel.ts';
import { memoize } from '../gpu/memoize.ts';
import { perElement } from '../gpu/perElement.ts';
import { launchChosen } from '../gpu/variants.ts';
import {
  BEST_WGSL,
  combinations,
  enablesOf,
  groupAlong,
  groupName,
  largestFirst,
  NONE,
  type RowGroup,
  rowEntry,
  rowGrid,
} from './rowGroup.ts';
import { rowFamily, rowVariants, threadVariant } from './rowVariants.ts';

/** Most experts that a token can be sent to. */
export const MAX_ACTIVE_EXPERTS = 8;

interface RouteOptions {
  /** (R,experts) */
  readonly logits: BufferView;
  /** u32 (R,k) */
  readonly chosen: BufferView;
  /** (R,k) */
  readonly weights: BufferView;
  readonly R: number;
  readonly experts: number;
  readonly k: number;
}

const PARAMS = { R: 'u32', experts: 'u32', k: 'u32' } as const;
const paramsOf = ({ R, experts, k }: RouteOptions) => ({ R, experts, k });

/** A thread to a row. */
const threadKernel = defineKernel({
  name: 'moe route',
  params: PARAMS,
  reads: { logits: 'array<f32>' },
  writes: { chosen: 'array<u32>', weights: 'array<f32>' },
  ...perElement('R', { id: 'row' })`var best: array<u32, ${MAX_ACTIVE_EXPERTS}>;
  var sum = 0.0;
  let at = row * params.experts;
  for (var choice = 0u; choice < params.k; choice++) {
    var pick = 0u;
    var highest = -3.4e38;
    for (var e = 0u; e < params.experts; e++) {
      var taken = false;
      for (var c = 0u; c < choice; c++) { taken = taken || best[c] == e; }
      if (!taken && logits[at + e] > highest) { highest = logits[at + e]; pick = e; }
    }
    best[choice] = pick;
    let weight = exp(highest - logits[at + best[0]]);
    weights[row * params.k + choice] = weight;
    chosen[row * params.k + choice] = pick;
    sum += weight;
  }
  for (var choice = 0u; choice < params.k; choice++) { weights[row * params.k + choice] /= sum; }`,
});

/** Experts that a lane takes: as many as the bits that mark those taken. */
const MOST = 32;

/** Threads share a row: each choice is that of the best expert of all lanes, and a lane keeps the choice of its number. */
const rowKernel = memoize((group: RowGroup) => {
  const { lanes } = group;
  return defineKernel({
    name: `moe route row ${groupName(group)}`,
    params: PARAMS,
    reads: { logits: 'array<f32>' },
    writes: { chosen: 'array<u32>', weights: 'array<f32>' },
    enables: enablesOf(group),
    functions: `${BEST_WGSL}${combinations(group, [largestFirst('rowBest')])}`,
    code: rowEntry(
      group,
      'params.R',
      `let at = row * params.experts;
  var taken = 0u;
  var sum = 0.0;
  var first = 0.0;
  var ownPick = 0u;
  var ownWeight = 0.0;
  for (var choice = 0u; choice < params.k; choice++) {
    var highest = -3.4e38;
    var mine = ${NONE};
    for (var c = 0u; c * ${lanes} + lane < params.experts; c++) {
      let logit = logits[at + c * ${lanes} + lane];
      if (((taken >> c) & 1) == 0 && logit > highest) { highest = logit; mine = c * ${lanes} + lane; }
    }
    let best = rowBest(vec2u(orderOf(highest), mine), thread).y;
    let pick = select(best, 0, best == ${NONE});
    if (pick % ${lanes} == lane) { taken |= 1u << (pick / ${lanes}); }
    let logit = select(logits[at + pick], -3.4e38, best == ${NONE});
    if (choice == 0) { first = logits[at + pick]; }
    let weight = exp(logit - first);
    sum += weight;
    if (lane == choice) { ownPick = pick; ownWeight = weight; }
  }
  if (!inside || lane >= params.k) { return; }
  weights[row * params.k + lane] = ownWeight / sum;
  chosen[row * params.k + lane] = ownPick;`,
    ),
  });
});

const shared = rowVariants<RouteOptions>({
  group: ({ experts }) => {
    const { lanes, rows } = groupAlong(experts, 1);
    const widened = Math.max(lanes, MAX_ACTIVE_EXPERTS);
    return { lanes: widened, rows: Math.max(1, (lanes * rows) / widened), beside: false, subgroup: false };
  },
  fits: ({ experts }, { lanes }) => experts <= lanes * MOST,
  plan: (options, group) =>
    launchOf(rowKernel(group), options, {
      params: paramsOf(options),
      workgroups: rowGrid(group, options.R),
    }),
});

/** The kernels that choose experts. */
export const routeFamily = rowFamily(
  'moe route',
  ({ experts, k }: RouteOptions) => `${k} of ${experts}`,
  threadVariant<RouteOptions, Pick<RouteOptions, 'logits' | 'chosen' | 'weights'>, keyof typeof PARAMS>(
    () => threadKernel,
    (options) => ({ views: options, params: paramsOf(options) }),
  ),
  shared,
);

/** Choose the experts of R rows. */
export const routeRows = (device: Device, options: RouteOptions): void =>
  launchChosen(device, routeFamily, options);
