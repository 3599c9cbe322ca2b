/**
 * Values of a result shared by threads: neighbouring lanes take neighbouring values, or, where values of one result are not
 * neighbours in memory, those of neighbouring results.
 */
import { defineKernel, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import {
  combinations,
  enablesOf,
  groupAlong,
  groupBeside,
  groupName,
  type RowGroup,
  rowEntry,
  rowGrid,
} from '../rowGroup.ts';
import { type RowVariant, type RowVariants, rowVariants } from '../rowVariants.ts';
import { walkRow } from '../rowWalk.ts';
import {
  buffersOf,
  formOf,
  paramsOf,
  type ReduceForm,
  type ReduceOptions,
  type ReduceVariant,
  reduceInterface,
  sizeOf,
} from './interface.ts';

/** Values that a lane takes in, if there are lanes enough. */
const EACH = 4;
/** Those that it takes in at most: longer rows are made of parts. */
const MOST = 32;

/** Return the number of results that are neighbours in memory; 1 if the values of one are. */
function neighbours({ groups }: ReduceOptions): number {
  const innermost = groups.at(-1);
  return innermost?.reduced === false ? innermost.size : 1;
}

function groupOf(options: ReduceOptions): RowGroup {
  const { length } = sizeOf(options.groups);
  const beside = neighbours(options);
  return beside > 1 ? groupBeside(length, EACH, beside) : groupAlong(length, EACH);
}

const partsOf = ({ groups }: ReduceOptions, { lanes }: RowGroup): number =>
  Math.max(1, Math.ceil(sizeOf(groups).length / (lanes * MOST)));

const kernelOf = memoize(({ group, ...form }: ReduceForm & { readonly group: RowGroup }) => {
  const { label, start, unlessDone, value, store, ...bindings } = reduceInterface(form);
  const { total, initial } = form.reduction;
  const combine = (a: string, b: string): string => `combined(${a}, ${b})`;
  const part = group.lanes * MOST;
  const walk = walkRow({
    ...{ lanes: group.lanes, held: 0, count: 'count' },
    values: { x: (at) => value(`first + ${at}`) },
  });
  return defineKernel({
    ...bindings,
    name: `reduce row ${groupName(group)} ${label}`,
    enables: enablesOf(group),
    functions: `${bindings.functions}${combinations(group, [{ name: 'rowTotal', type: total, combine }])}`,
    code: rowEntry(
      group,
      '(params.outputs * params.parts)',
      `// Totals of parts have the order (outputs, parts), or (parts, outputs) for results side by side.
  let output = row ${group.beside ? '% params.outputs' : '/ params.parts'};
  let part = row ${group.beside ? '/ params.outputs' : '% params.parts'};
  let id = row;
  ${start}
  let first = part * ${part};
  let count = ${unlessDone(`min(${part}, params.length - min(first, params.length))`)};
  ${walk.load}
  ${walk.total('mine', initial, (of) => of('x'), combine)}
  let total = rowTotal(mine, thread);
  if (lane > 0 || !inside) { return; }
  ${store}`,
    ),
  });
});

const shared = rowVariants<ReduceOptions>({
  group: groupOf,
  plan: (options, group) => {
    const parts = partsOf(options, group);
    const { outputs } = sizeOf(options.groups);
    const kernel = kernelOf({ ...formOf(options), group });
    return launchOf(kernel, buffersOf(options.views), {
      params: paramsOf(options, parts),
      workgroups: rowGrid(group, outputs * parts),
    });
  },
});

const reducing = (variant: RowVariant<ReduceOptions>): ReduceVariant => ({
  ...variant,
  parts: (device, options) => partsOf(options, variant.group(device, options)),
  totals: (options, parts) => {
    const { outputs } = sizeOf(options.groups);
    const beside = neighbours(options) > 1;
    const kept = { size: outputs, stride: beside ? 1 : parts, reduced: false };
    const reduced = { size: parts, stride: beside ? outputs : 1, reduced: true };
    return beside ? [reduced, kept] : [kept, reduced];
  },
});

export const reduceByRow: RowVariants<ReduceOptions, ReduceVariant> = {
  ...shared,
  row: reducing(shared.row),
  subgroup: reducing(shared.subgroup),
};
