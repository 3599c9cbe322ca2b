/** The cases of the kernels on which training spends most of its time, with the shapes of training. */
import { attentionCases, decodeCase } from './cases/attention.ts';
import { expertCases } from './cases/experts.ts';
import { optimiserCases } from './cases/optimiser.ts';
import { batchedCases, layerCases, productCase, transposedCase } from './cases/products.ts';
import {
  elementwiseCases,
  layerNormCases,
  logProbabilityCases,
  softmaxCase,
  sumCases,
} from './cases/rows.ts';
import { embeddingCases, samplingCase } from './cases/tokens.ts';
import type { KernelCase } from './kernelCase.ts';

type Product = readonly [M: number, K: number, N: number];

/** The matrix products of tiny and small: layers at 8,192 tokens, and a decoding step. */
const LAYERS: readonly Product[] = [
  [8192, 32, 32],
  [8192, 64, 64],
  [8192, 64, 256],
  [8192, 256, 64],
  [8192, 256, 256],
  [128, 64, 64],
  [128, 256, 256],
];
const SQUARES: readonly Product[] = [512, 1024].map((n) => [n, n, n]);
/** Left out on software adapters, where it takes seconds. */
const LARGEST_SQUARE: Product = [2048, 2048, 2048];

const HEADS = { heads: 4, headDim: 16 };
const TOKENS = 16_384;
const VOCABULARY = 57;

/** Return all cases. `software` leaves out those that take seconds on a software adapter. */
export function kernelCases({ software }: { readonly software: boolean }): KernelCase[] {
  const squares = software ? SQUARES : [...SQUARES, LARGEST_SQUARE];
  return [
    ...[...LAYERS, ...squares].flatMap(([M, K, N]) => [...layerCases(M, K, N), productCase(M, K, N)]),
    ...([[8192, 64, 256], ...squares] as const).map(([M, K, N]) => transposedCase(M, K, N)),
    ...batchedCases(512, 64, 16, 64),
    ...batchedCases(8, 256, 256, 256),
    ...[64, 256, 1024].flatMap((T) => attentionCases(TOKENS / T, T, HEADS)),
    ...[64, 256].map((position) => decodeCase(128, position, 288, HEADS)),
    ...[64, 256].flatMap((d) => [...layerNormCases(8192, d), softmaxCase(8192, d)]),
    softmaxCase(64, 32_768),
    ...logProbabilityCases(8192, VOCABULARY),
    ...elementwiseCases(8192, 256),
    ...sumCases(8192, 256),
    ...[64, 256].flatMap((d) => embeddingCases(8192, VOCABULARY, d)),
    samplingCase(128, VOCABULARY, { topK: 0, topP: 1 }),
    samplingCase(128, VOCABULARY, { topK: 20, topP: 0.9 }),
    ...expertCases({ R: 8192, d: 64, experts: 4, active: 2, f: 256 }),
    ...[200_000, 4_000_000].flatMap(optimiserCases),
  ];
}

/** Return the cases whose name and shape contain the text. Upper and lower case are equal, and so are `x` and `×`. */
export function matching<Case extends { readonly kernel: string; readonly shape: string }>(
  cases: readonly Case[],
  text: string,
): Case[] {
  const wanted = text.toLowerCase().replace(/(?<=\d)x(?=\d)/g, '×');
  return cases.filter(({ kernel, shape }) => `${kernel} ${shape}`.toLowerCase().includes(wanted));
}
