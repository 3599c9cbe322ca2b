/** Tokens in rows of different lengths, as inputs of the loss and as a padded batch of the float64 reference. */
import type { Device } from '../../src/gpu/device.ts';
import type { LossName } from '../../src/grpo/clipping.ts';
import type { LossInputs } from '../../src/grpo/grpoLoss.ts';
import { tokenWeight } from '../../src/grpo/losses.ts';
import { Tensor } from '../../src/tensor/index.ts';
import { type Array64, array } from '../oracle/array.ts';
import type { PolicyBatch } from '../oracle/grpo.ts';

export interface TokenRow {
  readonly logp: readonly number[];
  readonly oldLogp: readonly number[];
  readonly advantage: number;
  /** For steps that correct for who sampled; then every row has them. */
  readonly proxLogp?: readonly number[];
}

/** Return min(e^(ℓ_prox − ℓ_old), cap) of each token of a row; for gspo of the mean. */
function importanceOf({ proxLogp = [], oldLogp }: TokenRow, loss: LossName, cap: number): number[] {
  const differences = proxLogp.map((prox, t) => prox - oldLogp[t]);
  const mean = differences.reduce((sum, each) => sum + each, 0) / differences.length;
  return differences.map((each) => Math.min(Math.exp(loss === 'gspo' ? mean : each), cap));
}

/** L_max of `dr_grpo`. */
export const MAX_LENGTH = 6;

/** The counts of an optimiser step of these rows for `tokenWeight`. */
export interface StepOf {
  readonly sequences: number;
  readonly tokens: number;
}

export const stepOf = (rows: readonly TokenRow[]): StepOf => ({
  sequences: rows.length,
  tokens: rows.reduce((sum, { logp }) => sum + logp.length, 0),
});

/** Return inputs of the loss whose log-probabilities require a gradient, with `padding` tokens of weight 0 at the end. */
export function lossInputs(
  device: Device,
  rows: readonly TokenRow[],
  loss: LossName,
  {
    step = stepOf(rows),
    padding = 0,
    cap = Number.POSITIVE_INFINITY,
  }: { readonly step?: StepOf; readonly padding?: number; readonly cap?: number } = {},
): LossInputs {
  const rest = <Value>(value: Value): Value[] => new Array<Value>(padding).fill(value);
  const perToken = (of: (row: TokenRow, i: number) => number): number[] =>
    rows.flatMap((row, i) => row.logp.map(() => of(row, i)));
  const tensor = (values: readonly number[]): Tensor => Tensor.from(device, values);
  const weight = ({ logp: { length } }: TokenRow) =>
    tokenWeight(loss, { ...step, length, maxLength: MAX_LENGTH });
  const index = perToken((_, i) => i);
  return {
    logp: tensor([...rows.flatMap(({ logp }) => logp), ...rest(-3)]).requireGrad(),
    oldLogp: tensor([...rows.flatMap(({ oldLogp }) => oldLogp), ...rest(0)]),
    advantages: tensor([...perToken(({ advantage }) => advantage), ...rest(0)]),
    weights: tensor([...perToken(weight), ...rest(0)]),
    ...(rows.some(({ proxLogp }) => proxLogp) && {
      correction: {
        proxLogp: tensor([...rows.flatMap(({ proxLogp = [] }) => proxLogp), ...rest(0)]),
        importance: tensor([...rows.flatMap((row) => importanceOf(row, loss, cap)), ...rest(0)]),
      },
    }),
    sequences: {
      index: Tensor.from(device, Uint32Array.from([...index, ...rest(index.length + padding - 1)])),
      share: tensor([...perToken(({ logp }) => 1 / logp.length), ...rest(0)]),
    },
  };
}

/** Return the rows as a batch, padded to the longest. */
export function policyBatch(rows: readonly TokenRow[], logProbs?: (padded: Array64) => Array64): PolicyBatch {
  const longest = Math.max(1, ...rows.map(({ logp }) => logp.length));
  const padded = (of: (row: TokenRow) => readonly number[]): Array64 =>
    array(
      rows.flatMap((row) => [...of(row), ...new Array<number>(longest - of(row).length).fill(0)]),
      [rows.length, longest],
    );
  const values = padded(({ logp }) => logp);
  return {
    logProbs: logProbs ? logProbs(values) : values,
    oldLogProbs: padded(({ oldLogp }) => oldLogp),
    ...(rows.some(({ proxLogp }) => proxLogp) && {
      proxLogProbs: padded(({ proxLogp = [] }) => proxLogp),
    }),
    mask: padded(({ logp }) => logp.map(() => 1)),
    advantages: array(rows.map(({ advantage }) => advantage)),
  };
}

/** Return the values of a padded (B,T) array at tokens, in order. */
export function atTokens(rows: readonly TokenRow[], values: ArrayLike<number>): number[] {
  const longest = Math.max(1, ...rows.map(({ logp }) => logp.length));
  return rows.flatMap(({ logp }, i) => logp.map((_, t) => values[i * longest + t]));
}
