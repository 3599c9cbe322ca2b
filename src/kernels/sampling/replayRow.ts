/** Replay of draws with threads that share a row, four ids to each at a time. */
import { defineKernel, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { GUMBEL4_WGSL, PHILOX_WGSL } from '../philox.ts';
import { combinations, enablesOf, groupName, type RowGroup, rowEntry, rowGrid } from '../rowGroup.ts';
import { rowVariants } from '../rowVariants.ts';
import { SETTINGS_WGSL, STREAM } from './interface.ts';
import {
  GAP_WGSL,
  IMPOSSIBLE,
  isKeptWgsl,
  type ReplayForm,
  type ReplayOptions,
  replayFormOf,
  replayInterface,
} from './replayInterface.ts';
import { COMBINATIONS, groupOf, idsWgsl, LOWEST, searchWgsl, walkIds } from './rowParts.ts';

const larger = (a: string, b: string): string => `max(${a}, ${b})`;

const kernelOf = memoize(({ group, ...form }: ReplayForm & { readonly group: RowGroup }) => {
  const { V, filtered } = form;
  const walk = walkIds(V, group);
  const search = { border: 'border', bound: 'limit', type: 'u32' } as const;
  const filterGap = `
  ${walk.total('all', '0.0', (of, w) => `massOf(${of('z')} - highest, exists(${w}))`)}
  ${walk.total('held', '0.0', (of, w) => `massOf(${of('z')} - highest, isKept(row, ${w}))`)}
  ${walk.total('counted', '0u', (_, w) => `countOf(isKept(row, ${w}))`)}
  ${walk.total('depth', '-3.0e38', (of, w) => `maxOf(select(${LOWEST}, highest - ${of('z')}, isKept(row, ${w})))`, larger)}
  ${walk.total('left', '-3.0e38', (of, w) => `maxOf(select(${LOWEST}, ${of('z')} - highest, exists(${w}) & !isKept(row, ${w})))`, larger)}
  var total = rowSum(all, thread);
  let keptMass = rowSum(held, thread);
  let count = rowCount(counted, thread);
  let lowest = -rowMax(depth, thread);
  let dropped = rowMax(left, thread);
  let limit = select(settings.topK, ${V}u, settings.topK == 0 || settings.topK > ${V});
  if (settings.topP < 1.0 && limit < ${V}) {
    var border = vec2u();
    ${searchWgsl(V, walk, { ...search, measure: (_, _w, inside) => `countOf(${inside})` })}
    ${walk.total('within', '0.0', (of, w) => `massOf(${of('z')} - highest, isBefore(${of('z')} - highest, ${w}, border))`)}
    total = rowSum(within, thread);
  }
  ${GAP_WGSL}`;
  return defineKernel({
    ...replayInterface(form),
    name: `replay samples row ${V}${filtered ? ' filtered' : ''} ${groupName(group)}`,
    enables: enablesOf(group),
    functions: `${SETTINGS_WGSL}
${PHILOX_WGSL}
${GUMBEL4_WGSL}
${idsWgsl(V)}
${isKeptWgsl(form)}
${combinations(group, COMBINATIONS)}
fn noisyOf(z: vec4f, w: u32, place: vec2u) -> vec4f {
  if (settings.greedy == 1) { return z; }
  return z + gumbel4(uniform4(philox(vec4u(w, place.x, place.y, ${STREAM}), vec2u(settings.seed, 0u))));
}`,
    code: rowEntry(
      group,
      'params.N',
      `let at = row * ${V};
  let place = places[row];
  ${walk.load}
  ${walk.total('top', LOWEST, (of) => of('z'), larger)}
  let highest = rowMax(maxOf(top), thread);
  ${filtered ? filterGap : 'let filterGap = 0.0;'}
  ${walk.total('mass', '0.0', (of, w) => `massOf(${of('z')} - highest, isKept(row, ${w}))`)}
  ${walk.total('noisiest', '-3.0e38', (of, w) => `maxOf(select(${LOWEST}, noisyOf(${of('z')} - highest, ${w}, place), isKept(row, ${w})))`, larger)}
  let sum = rowSum(mass, thread);
  let best = rowMax(noisiest, thread);
  if (!inside || lane > 0) { return; }
  let token = tokens[row];
  let w = min(token, ${V - 1}u) / 4;
  let z = scaled(at, w) - highest;
  var chosen = vec2f(0.0, ${-IMPOSSIBLE});
  if (token < ${V} && isKept(row, w)[token % 4]) { chosen = vec2f(z[token % 4], noisyOf(z, w, place)[token % 4]); }
  checks[row] = vec4f(chosen.x - log(sum), min(best - chosen.y, ${IMPOSSIBLE}), filterGap, 0.0);`,
    ),
  });
});

export const replayByRow = rowVariants<ReplayOptions>({
  group: ({ size }) => groupOf(size.V),
  plan: (options, group) => {
    const { views, size } = options;
    const workgroups = rowGrid(group, size.N);
    return launchOf(kernelOf({ ...replayFormOf(options), group }), views, {
      params: { N: size.N },
      workgroups,
    });
  },
});
