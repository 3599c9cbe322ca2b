/**
 * The result of a work item as a safetensors file. With C completions of T tokens in all, and W = ⌈V/32⌉ words a token:
 *
 *   lengths (C) u32, finished (C) u8, tokens (T) u32, logps (T) f32, kept (T,W) u32 where ids are filtered
 */

import { problemOf } from '../../base/errors.ts';
import { type NamedArray, readSafetensors, writeSafetensors } from '../../formats/safetensors.ts';
import type { Completion } from '../../model/completions.ts';
import { ClusterError } from './error.ts';
import type { WireSampling } from './messages.ts';

/** Sizes of the model that an item is checked with. */
export interface ResultShape {
  readonly vocabSize: number;
  readonly eos: number;
}

/** The prompts of an item, and how they are sampled. */
export interface SampledPrompts {
  readonly prompts: readonly (readonly number[])[];
  readonly sampling: WireSampling;
}

/** Highest log-probability: rounding may leave that of a sure token slightly above 0. */
const MOST_LOGP = 1e-4;
/** Bytes of the header, at most. */
const HEADER_BYTES = 1024;

const isFiltered = ({ topK, topP, minP }: Pick<WireSampling, 'topK' | 'topP' | 'minP'>): boolean =>
  topK > 0 || topP < 1 || minP > 0;

const wordsOf = (sampling: WireSampling, vocabSize: number): number =>
  isFiltered(sampling) ? Math.ceil(vocabSize / 32) : 0;

/** Return the most bytes that a result can have, by its number of completions. */
export function mostResultBytes(completions: number, sampling: WireSampling, vocabSize: number): number {
  const tokens = completions * sampling.maxNewTokens;
  return HEADER_BYTES + completions * 5 + tokens * (8 + 4 * wordsOf(sampling, vocabSize));
}

/** Write a result. The completions are those of the item, in order. */
export function writeResult(completions: readonly Completion[]): Uint8Array {
  const lengths = Uint32Array.from(completions, ({ tokens }) => tokens.length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const tokens = Uint32Array.from(completions.flatMap((completion) => completion.tokens));
  const logps = new Float32Array(total);
  let at = 0;
  for (const completion of completions) {
    logps.set(completion.logps, at);
    at += completion.logps.length;
  }
  const tensors = new Map<string, NamedArray>([
    ['lengths', { dtype: 'U32', shape: [lengths.length], data: lengths }],
    ['tokens', { dtype: 'U32', shape: [total], data: tokens }],
    ['logps', { dtype: 'F32', shape: [total], data: logps }],
    [
      'finished',
      {
        dtype: 'U8',
        shape: [lengths.length],
        data: Uint8Array.from(completions, (each) => (each.finished ? 1 : 0)),
      },
    ],
  ]);
  if (completions.some(({ kept }) => kept)) {
    const kept = Uint32Array.from(completions.flatMap((completion) => [...(completion.kept ?? [])]));
    tensors.set('kept', { dtype: 'U32', shape: [total, total === 0 ? 0 : kept.length / total], data: kept });
  }
  return writeSafetensors({ tensors, metadata: new Map() }, 'result');
}

/**
 * Read and check the result of an item: names, shapes, ranges, and that `<eos>` ends a completion and nothing else does.
 * @throws ClusterError (`BAD_MESSAGE`) for anything that no honest worker sends.
 */
export function readResult(
  bytes: Uint8Array,
  { prompts, sampling }: SampledPrompts,
  { vocabSize, eos }: ResultShape,
): Completion[] {
  const { groupSize, maxNewTokens } = sampling;
  const count = prompts.length * groupSize;
  const most = mostResultBytes(count, sampling, vocabSize);
  if (bytes.length > most) throw bad(`it has ${bytes.length} bytes, more than the ${most} of a full one`);
  const tensors = tensorsOf(bytes);
  const words = wordsOf(sampling, vocabSize);
  const lengths = take(tensors, 'lengths', 'U32', [count]);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const tokens = take(tensors, 'tokens', 'U32', [total]);
  const logps = take(tensors, 'logps', 'F32', [total]);
  const finished = take(tensors, 'finished', 'U8', [count]);
  const kept = words > 0 ? take(tensors, 'kept', 'U32', [total, words]) : undefined;
  if (tensors.size > 0) throw bad(`it has ${tensors.size} tensors too many`);
  if (lengths.some((length) => length < 1 || length > maxNewTokens)) throw bad('a length is out of range');
  if (finished.some((flag) => flag > 1)) throw bad('a value of finished is neither 0 nor 1');
  if (tokens.some((id) => id >= vocabSize)) throw bad('a token is not in the vocabulary');
  if (logps.some((logp) => !(logp <= MOST_LOGP && logp > Number.NEGATIVE_INFINITY))) {
    throw bad('a log-probability is above 0 or not finite');
  }
  let at = 0;
  return Array.from(lengths, (length, i) => {
    const end = at + length;
    const own = Array.from(tokens.subarray(at, end));
    const ended = own.indexOf(eos);
    const isFinished = finished[i] === 1;
    if (ended !== (isFinished ? length - 1 : -1)) throw bad('a completion does not end where <eos> is');
    if (!isFinished && length < maxNewTokens) throw bad('a completion breaks off');
    const completion: Completion = {
      prompt: Math.floor(i / groupSize),
      tokens: own,
      logps: Float32Array.from(logps.subarray(at, end)),
      finished: isFinished,
      ...(kept && { kept: Uint32Array.from(kept.subarray(at * words, end * words)) }),
    };
    at = end;
    return completion;
  });
}

function tensorsOf(bytes: Uint8Array): Map<string, NamedArray> {
  try {
    return new Map(readSafetensors(bytes, 'result').tensors);
  } catch (error) {
    throw bad(problemOf(error));
  }
}

interface Arrays {
  readonly U32: Uint32Array;
  readonly F32: Float32Array;
  readonly U8: Uint8Array;
}
const ARRAYS = { U32: Uint32Array, F32: Float32Array, U8: Uint8Array } as const;

/** Take a tensor out, of this dtype and shape. */
function take<Name extends keyof Arrays>(
  tensors: Map<string, NamedArray>,
  name: string,
  dtype: Name,
  shape: readonly number[],
): InstanceType<(typeof ARRAYS)[Name]> {
  const tensor = tensors.get(name);
  tensors.delete(name);
  const Kind: abstract new () => unknown = ARRAYS[dtype];
  if (tensor?.dtype !== dtype || !(tensor.data instanceof Kind))
    throw bad(`${name} is missing or not ${dtype}`);
  if (String(tensor.shape) !== String(shape))
    throw bad(`${name} has the shape [${tensor.shape.slice(0, 4)}], not [${shape}]`);
  return tensor.data as InstanceType<(typeof ARRAYS)[Name]>;
}

function bad(problem: string): ClusterError {
  return new ClusterError(
    'BAD_MESSAGE',
    'result',
    `the result is not valid: ${problem}`,
    'run an unchanged worker',
  );
}
