/** A row shared by threads: along the row, or, where rows lie side by side, along the rows that are neighbours in memory. */
import { defineKernel, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import {
  combinations,
  enablesOf,
  groupAlong,
  groupBeside,
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
  holdsVectors,
  isAlong,
  PARAMS,
  paramsOf,
  type SoftmaxSize,
  undefinedWgsl,
} from './interface.ts';

/** Form of a kernel. */
interface Form {
  readonly group: RowGroup;
  readonly held: number;
  /** True if an element is a vec4 of neighbours of the row. */
  readonly wide: boolean;
}

const isWide = (size: SoftmaxSize): boolean => isAlong(size) && holdsVectors(size);
const elementsOf = (size: SoftmaxSize): number => (isWide(size) ? size.length / 4 : size.length);

const groupOf = ({ size }: { readonly size: SoftmaxSize }): RowGroup =>
  isAlong(size)
    ? groupAlong(elementsOf(size), LANE_ELEMENTS.each)
    : groupBeside(elementsOf(size), LANE_ELEMENTS.each, Math.min(size.inner, size.outer * size.inner));

const formOf = (size: SoftmaxSize, group: RowGroup): Form => ({
  group,
  held: heldElements(elementsOf(size), group.lanes, LANE_ELEMENTS.mostHeld),
  wide: isWide(size),
});

const nameOf = ({ group, held, wide }: Form): string =>
  `${groupName(group)}${held > 0 ? `, ${held} held` : ''}${wide ? ', vec4s' : ''}`;

/** WGSL around the walk: where the row is, and totals over the components of an element. */
const parts = ({ group, wide }: Form) => ({
  type: wide ? 'vec4f' : 'f32',
  functions: elementFunctions(wide),
  start: group.beside
    ? 'let count = params.length; let start = row / params.inner * params.length * params.inner + row % params.inner;'
    : `let count = params.length${wide ? ' / 4' : ''}; let start = row * count;`,
  place: (at: string): string => (group.beside ? `start + ${at} * params.inner` : `start + ${at}`),
});

const SUM = { name: 'rowSum', type: 'f32', combine: plus } as const;
const MAX = { name: 'rowMax', type: 'f32', combine: larger } as const;

const forwardKernel = memoize((form: Form) => {
  const { group, held, wide } = form;
  const { type, functions, start, place } = parts(form);
  const walk = walkRow({
    ...{ lanes: group.lanes, held, count: 'count' },
    values: { x: (at) => `x[${place(at)}]` },
  });
  return defineKernel({
    name: `softmax row ${nameOf(form)}`,
    params: PARAMS,
    reads: { x: `array<${type}>` },
    writes: { y: `array<${type}>` },
    enables: enablesOf(group),
    functions: `${undefinedWgsl(type === 'f32' ? 'f32' : 'vec4f')}${functions}${combinations(group, [SUM, MAX])}
fn termOf(x: ${type}, largest: f32, nan: f32) -> ${type} {
  return select(exp(x - largest), ${wide ? 'vec4f(nan)' : 'nan'}, isUndefined(x));
}`,
    code: rowEntry(
      group,
      'params.rows',
      `${start}
  let nan = bitcast<f32>(params.nan);
  ${walk.load}
  // Where all are −∞ this stays finite, so that the sum is 0; that too is NaN, as in PyTorch.
  ${walk.total('top', `${type}(-3.4e38)`, (of) => of('x'), larger)}
  let largest = rowMax(maxOf(top), thread);
  ${walk.total('sum', `${type}()`, (of) => `termOf(${of('x')}, largest, nan)`)}
  let total = rowSum(sumOf(sum), thread);
  let divisor = select(nan, total, total > 0.0);
  if (!inside) { return; }
  if (params.logarithm == 1) {
    let shift = select(nan, log(divisor), divisor > 0.0);
    ${walk.each((of, at) => `y[${place(at)}] = ${of('x')} - largest - shift;`)}
  } else {
    ${walk.each((of, at) => `y[${place(at)}] = exp(${of('x')} - largest) / divisor;`)}
  }`,
    ),
  });
});

const backwardKernel = memoize((form: Form) => {
  const { group, held } = form;
  const { type, functions, start, place } = parts(form);
  const walk = walkRow({
    ...{ lanes: group.lanes, held, count: 'count' },
    values: { y: (at) => `y[${place(at)}]`, dy: (at) => `dy[${place(at)}]` },
  });
  return defineKernel({
    name: `softmax backward row ${nameOf(form)}`,
    params: PARAMS,
    reads: { y: `array<${type}>`, dy: `array<${type}>` },
    writes: { dx: `array<${type}>` },
    enables: enablesOf(group),
    functions: `${functions}${combinations(group, [SUM])}
fn termOf(y: ${type}, dy: ${type}) -> ${type} { return dy * select(y, ${type}(1.0), params.logarithm == 1); }`,
    code: rowEntry(
      group,
      'params.rows',
      `${start}
  ${walk.load}
  ${walk.total('sum', `${type}()`, (of) => `termOf(${of('y')}, ${of('dy')})`)}
  let total = rowSum(sumOf(sum), thread);
  if (!inside) { return; }
  if (params.logarithm == 1) {
    ${walk.each((of, at) => `dx[${place(at)}] = ${of('dy')} - exp(${of('y')}) * total;`)}
  } else {
    ${walk.each((of, at) => `dx[${place(at)}] = ${of('y')} * (${of('dy')} - total);`)}
  }`,
    ),
  });
});

export const forwardByRow = rowVariants<ForwardOptions>({
  group: groupOf,
  plan: ({ views, size }, group) =>
    launchOf(forwardKernel(formOf(size, group)), views, {
      params: paramsOf(size),
      workgroups: rowGrid(group, size.outer * size.inner),
    }),
});

export const backwardByRow = rowVariants<BackwardOptions>({
  group: groupOf,
  plan: ({ views, size }, group) =>
    launchOf(backwardKernel(formOf(size, group)), views, {
      params: paramsOf(size),
      workgroups: rowGrid(group, size.outer * size.inner),
    }),
});
