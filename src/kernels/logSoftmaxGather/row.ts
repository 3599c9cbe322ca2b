/**
 * A row shared by threads, which load vec4s where rows are made of them, and single values elsewhere: nothing outside of the row
 * is read.
 */
import { defineKernel, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import {
  combinations,
  enablesOf,
  groupAlong,
  groupName,
  larger,
  plus,
  type RowGroup,
  rowEntry,
  rowGrid,
} from '../rowGroup.ts';
import { rowVariants } from '../rowVariants.ts';
import { elementFunctions, heldElements, LANE_ELEMENTS, walkRow } from '../rowWalk.ts';
import {
  type BackwardOptions,
  type ForwardOptions,
  LOWEST,
  type LogSoftmaxGatherViews,
  PARAMS,
  paramsOf,
} from './interface.ts';

/** Form of a kernel. */
interface Form {
  readonly group: RowGroup;
  readonly held: number;
  /** True if an element is a vec4. */
  readonly wide: boolean;
  readonly kept: boolean;
}

const isWide = (V: number): boolean => V % 4 === 0;
const elementsOf = (V: number): number => (isWide(V) ? V / 4 : V);
const groupOf = ({ V }: LogSoftmaxGatherViews): RowGroup => groupAlong(elementsOf(V), LANE_ELEMENTS.each);

const formOf = ({ V, kept }: LogSoftmaxGatherViews, group: RowGroup): Form => ({
  group,
  held: heldElements(elementsOf(V), group.lanes, LANE_ELEMENTS.mostHeld),
  wide: isWide(V),
  kept: kept !== undefined,
});

const nameOf = ({ group, held, wide, kept }: Form): string =>
  `${groupName(group)}${held > 0 ? `, ${held} held` : ''}${wide ? ', vec4s' : ''}${kept ? ', kept' : ''}`;

/** WGSL by the width of elements: their type, and functions of them. Ids of element `at` begin at `idsOf(at)`. */
const partsOf = ({ wide, kept }: Form) => ({
  type: wide ? 'vec4f' : 'f32',
  count: wide ? '(params.V / 4)' : 'params.V',
  functions: `${elementFunctions(wide)}
fn idsOf(at: u32) -> ${wide ? 'vec4u { return vec4u(at * 4) + vec4u(0, 1, 2, 3); }' : 'u32 { return at; }'}
${
  kept
    ? `fn isKept(row: u32, at: u32) -> ${wide ? 'vec4<bool>' : 'bool'} {
  ${
    wide
      ? `let bits = kept[row * ((params.V + 31) / 32) + at / 8] >> (at % 8 * 4);
  return (vec4u(bits) & vec4u(1, 2, 4, 8)) != vec4u();`
      : 'return ((kept[row * ((params.V + 31) / 32) + at / 32] >> (at % 32)) & 1) == 1;'
  }
}`
    : ''
}`,
});

const forwardKernel = memoize((form: Form) => {
  const { group, held, wide, kept } = form;
  const { type, count, functions } = partsOf(form);
  const scaled = (at: string): string => `logits[start + ${at}] * params.inverseTemperature`;
  const walk = walkRow({
    ...{ lanes: group.lanes, held, count },
    values: {
      z: (at) => (kept ? `select(${type}(${LOWEST}), ${scaled(at)}, isKept(row, ${at}))` : `(${scaled(at)})`),
    },
  });
  return defineKernel({
    name: `logSoftmaxGather forward row ${nameOf(form)}`,
    params: PARAMS,
    reads: { logits: `array<${type}>`, ids: 'array<u32>', kept: kept ? 'array<u32>' : undefined },
    writes: { logp: 'array<f32>', entropy: 'array<f32>', lse: 'array<f32>' },
    enables: enablesOf(group),
    functions: `${functions}${combinations(group, [
      { name: 'rowMax', type: 'f32', combine: larger },
      { name: 'rowSum2', type: 'vec2f', combine: plus },
    ])}
// exp z and z · exp z of the ids that are kept: z is far below 0 for the others. Their limit at −∞ is 0.
fn termsOf(z: ${type}) -> vec2f {
  let e = select(${type}(), exp(z), z > ${type}(-1.0e37));
  return vec2f(sumOf(e), sumOf(select(e * z, ${type}(), e == ${type}())));
}`,
    code: rowEntry(
      group,
      'params.R',
      `let start = row * ${count};
  ${walk.load}
  ${walk.total('top', `${type}(${LOWEST})`, (of) => of('z'), larger)}
  let highest = rowMax(maxOf(top), thread);
  ${walk.total('terms', 'vec2f()', (of) => `termsOf(${of('z')} - highest)`)}
  let sums = rowSum2(terms, thread);
  if (lane > 0 || !inside) { return; }
  let logSum = log(sums.x);
  let id = ids[row];
  let chosen = min(id, params.V - 1);
  let logit = logits[start + ${wide ? 'chosen / 4][chosen % 4]' : 'chosen]'};
  logp[row] = select(logit * params.inverseTemperature - highest - logSum, 0.0, id >= params.V);
  entropy[row] = logSum - sums.y / sums.x;
  lse[row] = highest + logSum;`,
    ),
  });
});

/** No lane needs another: the group has a row's numbers at hand, and its lanes take neighbours. */
const backwardKernel = memoize((form: Form) => {
  const { group, wide, kept } = form;
  const { type, count, functions } = partsOf(form);
  const walk = walkRow({
    ...{ lanes: group.lanes, held: 0, count },
    values: { logit: (at) => `logits[start + ${at}]` },
  });
  return defineKernel({
    name: `logSoftmaxGather backward row ${nameOf(form)}`,
    params: PARAMS,
    reads: {
      logits: `array<${type}>`,
      ids: 'array<u32>',
      lse: 'array<f32>',
      entropy: 'array<f32>',
      dLogp: 'array<f32>',
      dEntropy: 'array<f32>',
      kept: kept ? 'array<u32>' : undefined,
    },
    writes: { dLogits: `array<${type}>` },
    enables: enablesOf(group),
    functions,
    code: rowEntry(
      group,
      'params.R',
      `if (!inside) { return; }
  let start = row * ${count};
  let id = ids[row];
  let shift = lse[row];
  let rowEntropy = entropy[row];
  let gradLogp = select(dLogp[row], 0.0, id >= params.V);
  let gradEntropy = dEntropy[row];
  ${walk.each(
    (of, at) => `let logp = ${of('logit')} * params.inverseTemperature - shift;
    let p = ${kept ? `select(${type}(), exp(logp), isKept(row, ${at}))` : 'exp(logp)'};
    let isChosen = select(${type}(), ${type}(1.0), idsOf(${at}) == ${wide ? 'vec4u(id)' : 'id'});
    let entropyTerm = select(${type}(), p * (logp + rowEntropy), p > ${type}());
    dLogits[start + ${at}] = params.inverseTemperature * (gradLogp * (isChosen - p) - gradEntropy * entropyTerm);`,
  )}`,
    ),
  });
});

export const forwardByRow = rowVariants<ForwardOptions>({
  group: groupOf,
  plan: (options, group) =>
    launchOf(forwardKernel(formOf(options, group)), options, {
      params: paramsOf(options),
      workgroups: rowGrid(group, options.R),
    }),
});

export const backwardByRow = rowVariants<BackwardOptions>({
  group: groupOf,
  plan: (options, group) =>
    launchOf(backwardKernel({ ...formOf(options, group), held: 0 }), options, {
      params: paramsOf(options),
      workgroups: rowGrid(group, options.R),
    }),
});
