/** Cases for the tuner: the kernels that route rows to experts, with random operands. */
import type { AnyTuningCase, TuningCase } from '../gpu/tuning.ts';
import { balanceBackwardFamily, balanceCountFamily, balanceFamily } from './loadBalance.ts';
import { GROUP_ROWS } from './matmul/index.ts';
import { CHUNK } from './moe.ts';
import { prefixFamily } from './moePrefix.ts';
import { routeFamily } from './moeRoute.ts';
import { weightGradientFamily } from './moeWeights.ts';
import { operands } from './tuningCases.ts';

/** The shape of a mixture of experts. */
export interface RoutingShape {
  readonly R: number;
  readonly experts: number;
  /** Experts of a row. */
  readonly k: number;
  /** Width of a row. */
  readonly d: number;
}

/** Checks a case against the options of its family. */
const caseOf = <Options>(each: TuningCase<Options>): AnyTuningCase => each;

/** Return the cases of routing, of its gradient and of the load-balancing loss. */
export function routingCases({ R, experts, k, d }: RoutingShape): AnyTuningCase[] {
  const entries = R * k;
  const chunks = Math.ceil(entries / CHUNK);
  const tiles = Math.ceil(entries / GROUP_ROWS) + experts;
  const words = (count: number, value: (i: number) => number) =>
    Array.from({ length: count }, (_, i) => value(i));
  const balance = { R, rows: R, experts, k, scale: 1 };
  const evenly = words(experts, () => Math.floor(entries / experts));
  return [
    caseOf({
      family: routeFamily,
      make: (device) => {
        const { floats } = operands(device);
        const views = { logits: floats(R * experts), chosen: floats(entries), weights: floats(entries) };
        return { ...views, R, experts, k };
      },
      outputs: ({ chosen, weights }) => [chosen, weights],
    }),
    caseOf({
      family: prefixFamily,
      make: (device) => {
        const { floats, words: upload } = operands(device);
        const counts = upload(words(chunks * experts, () => Math.floor(CHUNK / experts)));
        const views = {
          starts: floats(chunks * experts),
          ranges: floats(2 * experts),
          groupOfTile: floats(tiles),
        };
        return { ...views, counts, experts, chunks, tiles };
      },
      outputs: ({ starts, ranges, groupOfTile }) => [starts, ranges, groupOfTile],
    }),
    caseOf({
      family: weightGradientFamily,
      make: (device) => {
        const { floats, words: upload } = operands(device);
        const slotOfEntry = upload(words(entries, (entry) => entry));
        const views = {
          dy: floats(R * d),
          slots: floats(entries * d),
          slotOfEntry,
          dWeights: floats(entries),
        };
        return { views, size: { entries, dv: d / 4, k } };
      },
      outputs: ({ views }) => [views.dWeights],
    }),
    caseOf({
      family: balanceCountFamily,
      make: (device) => {
        const { floats, words: upload } = operands(device);
        const chosen = upload(words(entries, (entry) => entry % experts));
        return { views: { chosen, counts: floats(experts) }, experts, params: { rows: R, k } };
      },
      outputs: ({ views }) => [views.counts],
    }),
    caseOf({
      family: balanceFamily,
      make: (device) => {
        const { floats, words: upload } = operands(device);
        const views = { logits: floats(R * experts), counts: upload(evenly), shares: floats(R) };
        return { views, params: balance };
      },
      outputs: ({ views }) => [views.shares],
    }),
    caseOf({
      family: balanceBackwardFamily,
      make: (device) => {
        const { floats, words: upload } = operands(device);
        const [logits, dLogits] = [floats(R * experts), floats(R * experts)];
        return { views: { logits, counts: upload(evenly), dLoss: floats(1), dLogits }, params: balance };
      },
      outputs: ({ views }) => [views.dLogits],
    }),
  ];
}
