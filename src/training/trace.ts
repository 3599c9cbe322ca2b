/**
 * The trace of a step as a file: `trace/step<N>.safetensors` of a run. The metadata hold the version, the names and all
 * texts; the tensors hold the numbers, flat, with offsets. So no task is needed to read it.
 */
import { z } from 'zod';
import { CheckpointError, corrupt, quoted, withCheckpointErrors } from '../formats/error.ts';
import { type NamedArray, readSafetensors, writeSafetensors } from '../formats/safetensors.ts';
import type { StepTrace, TracedCompletion } from '../grpo/trace.ts';

export type { GroupRewards, StepTrace, TracedCompletion, TracedGroup } from '../grpo/trace.ts';

/** Keys of the metadata. */
const VERSION_KEY = 'mathformer_trace';
const TRACE_KEY = 'trace';
const VERSION = 1;

const metadataSchema = z.object({
  step: z.int().min(0),
  loss: z.string(),
  clipRatio: z.number(),
  clipRatioHigh: z.number(),
  /** The texts of tokens that `texts` and `prompts` index. */
  vocabulary: z.array(z.string()),
  rewards: z.array(z.object({ expression: z.string(), dropped: z.boolean() })),
  groups: z.array(z.object({ expression: z.string(), expected: z.string() })),
});

/** Values of each token of the traced completions, end to end. */
const TOKEN_FLOATS = ['logp', 'oldLogp', 'kl', 'entropy'] as const;

/** A further one, only in traces of steps that correct for who sampled. */
const PROX = 'proxLogp';

/** Name the file of a step's trace. */
export const traceFile = (step: number): string => `trace/step${step}.safetensors`;

/** Return the step of a trace's file; undefined for the name of another file. */
export function tracedStep(name: string): number | undefined {
  const [, step] = /^trace\/step(\d+)\.safetensors$/.exec(name) ?? [];
  return step === undefined ? undefined : Number(step);
}

/** Write a trace as safetensors. Numbers are rounded to float32. @throws CheckpointError if it is too large for a file. */
export function writeTrace(trace: StepTrace): Uint8Array {
  const { step, loss, clipRatio, clipRatioHigh, groups, rewards } = trace;
  const completions = groups.flatMap((group) => group.completions);
  const vocabulary = new Vocabulary();
  const tensors = new Map<string, NamedArray>([
    ['rewards', float32(rewards.flatMap((group) => [...group.rewards]))],
    ['reward_offsets', offsets(rewards.map((group) => group.rewards.length))],
    ['prompts', int32(groups.flatMap(({ prompt }) => prompt.map((text) => vocabulary.indexOf(text))))],
    ['prompt_offsets', offsets(groups.map(({ prompt }) => prompt.length))],
    ['group_offsets', offsets(groups.map((group) => group.completions.length))],
    ['reward', float32(completions.map(({ reward }) => reward))],
    ['advantage', float32(completions.map(({ advantage }) => advantage))],
    ['correct', int32(completions.map(({ correct }) => Number(correct)))],
    ['finished', int32(completions.map(({ finished }) => Number(finished)))],
    ['token_offsets', offsets(completions.map(({ tokens }) => tokens.length))],
    ['tokens', int32(completions.flatMap(({ tokens }) => tokens))],
    ['texts', int32(completions.flatMap(({ texts }) => texts.map((text) => vocabulary.indexOf(text))))],
    ...TOKEN_FLOATS.map((key) => [key, float32(completions.flatMap((each) => [...each[key]]))] as const),
  ]);
  if (completions.some(({ proxLogp }) => proxLogp)) {
    tensors.set(PROX, float32(completions.flatMap(({ proxLogp, oldLogp }) => [...(proxLogp ?? oldLogp)])));
  }
  const metadata: z.output<typeof metadataSchema> = {
    ...{ step, loss, clipRatio, clipRatioHigh },
    vocabulary: vocabulary.texts,
    rewards: rewards.map(({ expression, dropped }) => ({ expression, dropped })),
    groups: groups.map(({ expression, expected }) => ({ expression, expected })),
  };
  const entries = [
    [VERSION_KEY, String(VERSION)],
    [TRACE_KEY, JSON.stringify(metadata)],
  ] as const;
  return writeSafetensors({ tensors, metadata: new Map(entries) }, 'trace');
}

/**
 * Read a trace. @param name the file's, for messages.
 * @throws CheckpointError for bytes that are no trace, that are torn or contradict themselves, or of a newer version.
 */
export function readTrace(bytes: Uint8Array, name: string): StepTrace {
  const { tensors, metadata } = readSafetensors(bytes, name);
  return withCheckpointErrors(name, () => {
    checkVersion(metadata.get(VERSION_KEY));
    const { vocabulary, rewards, groups, ...about } = parsedMetadata(metadata.get(TRACE_KEY) ?? '');
    const columns = new Columns(tensors);
    const textsAt = (column: string, { from, to }: Range): string[] =>
      Array.from(columns.int32(column).subarray(from, to), (index) => textOf(vocabulary, column, index));
    const isCorrected = tensors.has(PROX);
    const floatColumns = [...TOKEN_FLOATS, ...(isCorrected ? [PROX] : [])];
    const tokenRanges = columns.ranges('token_offsets', ['tokens', 'texts', ...floatColumns]);
    const completions = tokenRanges.map((range, i): TracedCompletion => {
      const floats = (column: string): Float32Array => columns.float32(column).slice(range.from, range.to);
      return {
        tokens: Array.from(columns.int32('tokens').subarray(range.from, range.to)),
        texts: textsAt('texts', range),
        reward: columns.float32('reward')[i] ?? Number.NaN,
        advantage: columns.float32('advantage')[i] ?? Number.NaN,
        correct: columns.int32('correct')[i] === 1,
        finished: columns.int32('finished')[i] === 1,
        logp: floats('logp'),
        oldLogp: floats('oldLogp'),
        ...(isCorrected && { proxLogp: floats(PROX) }),
        kl: floats('kl'),
        entropy: floats('entropy'),
      };
    });
    for (const column of ['reward', 'advantage', 'correct', 'finished']) {
      columns.expectLength(column, completions.length);
    }
    const promptRanges = columns.ranges('prompt_offsets', ['prompts'], groups.length);
    const memberRanges = columns.ranges('group_offsets', ['reward'], groups.length);
    const rewardRanges = columns.ranges('reward_offsets', ['rewards'], rewards.length);
    return {
      ...about,
      rewards: rewards.map((group, i) => ({
        ...group,
        rewards: columns.float32('rewards').slice(rewardRanges[i]?.from, rewardRanges[i]?.to),
      })),
      groups: groups.map((group, i) => ({
        ...group,
        prompt: textsAt('prompts', promptRanges[i] ?? NOTHING),
        completions: completions.slice(memberRanges[i]?.from, memberRanges[i]?.to),
      })),
    };
  });
}

/** Numbers distinct texts. */
class Vocabulary {
  readonly #indices = new Map<string, number>();

  get texts(): string[] {
    return [...this.#indices.keys()];
  }

  indexOf(text: string): number {
    const index = this.#indices.get(text) ?? this.#indices.size;
    this.#indices.set(text, index);
    return index;
  }
}

/** Values of a column that belong together. */
interface Range {
  readonly from: number;
  readonly to: number;
}

const NOTHING: Range = { from: 0, to: 0 };

/** The tensors of a file, checked as they are read. */
class Columns {
  constructor(private readonly tensors: ReadonlyMap<string, NamedArray>) {}

  int32(name: string): Int32Array {
    const { data } = this.#column(name);
    if (data instanceof Int32Array) return data;
    throw corrupt(quoted(name), 'it is not of int32');
  }

  float32(name: string): Float32Array {
    const { data } = this.#column(name);
    if (data instanceof Float32Array) return data;
    throw corrupt(quoted(name), 'it is not of float32');
  }

  expectLength(name: string, length: number): void {
    const { length: found } = this.#column(name).data;
    if (found !== length) throw corrupt(quoted(name), `it has ${found} values instead of ${length}`);
  }

  /** Read offsets that split columns into ranges. @param count the number of ranges, if it is known. */
  ranges(name: string, columns: readonly string[], count?: number): Range[] {
    const bounds = this.int32(name);
    if (count !== undefined) this.expectLength(name, count + 1);
    const grows = bounds.every((bound, i) => bound >= (bounds[i - 1] ?? 0));
    const end = bounds.at(-1);
    if (bounds[0] !== 0 || end === undefined || !grows) {
      throw corrupt(quoted(name), 'its offsets do not rise from 0');
    }
    for (const column of columns) this.expectLength(column, end);
    return Array.from(bounds.subarray(1), (to, i) => ({ from: bounds[i] ?? 0, to }));
  }

  #column(name: string): NamedArray {
    const column = this.tensors.get(name);
    if (column?.shape.length === 1) return column;
    throw corrupt(quoted(name), column ? 'it has more than one dimension' : 'it is missing');
  }
}

function checkVersion(version: string | undefined): void {
  if (version === String(VERSION)) return;
  if (version === undefined || !/^\d+$/.test(version)) {
    const fix = 'give a trace/step<N>.safetensors of a run';
    throw new CheckpointError('UNSUPPORTED', 'metadata', 'it is not the trace of a step', fix);
  }
  const problem = `the trace has version ${version}; this program reads version ${VERSION}`;
  throw new CheckpointError('UNSUPPORTED', 'metadata', problem, 'update mathformer');
}

function parsedMetadata(text: string): z.output<typeof metadataSchema> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw corrupt('metadata', `${quoted(TRACE_KEY)} is no JSON`, cause);
  }
  const parsed = metadataSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw corrupt('metadata', `${issue?.path.join('.') || TRACE_KEY}: ${issue?.message ?? 'invalid'}`);
}

function textOf(vocabulary: readonly string[], column: string, index: number): string {
  const text = vocabulary[index];
  if (text !== undefined) return text;
  throw corrupt(quoted(column), `${index} is no index into ${vocabulary.length} texts`);
}

function int32(values: readonly number[]): NamedArray {
  return { dtype: 'I32', shape: [values.length], data: Int32Array.from(values) };
}

function float32(values: readonly number[]): NamedArray {
  return { dtype: 'F32', shape: [values.length], data: Float32Array.from(values) };
}

/** Sum up lengths: the start of each range, and the end of the last. */
function offsets(lengths: readonly number[]): NamedArray {
  let end = 0;
  return int32([0, ...lengths.map((length) => (end += length))]);
}
