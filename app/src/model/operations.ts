/** The computations of pages with a model: attention, samples, and steps of GRPO on one problem. */
import { type Device, MathformerError, noGrad, Packing, Tensor } from 'mathformer';
import { advantages, GrpoTrainer, grpoOptions } from 'mathformer/grpo';
import {
  type AttentionProbabilities,
  attentionProbabilities,
  type Completion,
  readCheckpoint,
  Sampler,
  Transformer,
} from 'mathformer/model';
import type { Task, TaskProblem } from 'mathformer/tasks';
import { trainedTask } from 'mathformer/training';
import { NOT_OPEN } from './protocol.ts';

/** Models that stay open; the one that was not used for longest goes first. */
const KEPT = 4;
const MAX_NEW_TOKENS = 48;

/** A model that is open. */
export interface OpenModel {
  readonly layers: number;
  readonly heads: number;
  readonly parameters: number;
  readonly task: string;
}

/** Tokens of a text. */
export interface TokenText {
  readonly ids: readonly number[];
  /** Text of each token. */
  readonly texts: readonly string[];
  /** Number of tokens of the prompt; those behind it are the model's answer. */
  readonly promptLength: number;
}

/** A completion of a group. */
export interface SampledCompletion {
  readonly ids: readonly number[];
  readonly texts: readonly string[];
  readonly answer: string | null;
  readonly correct: boolean;
  readonly finished: boolean;
  readonly reward: number;
  readonly advantage: number;
  /** Log-probability of each token in the distribution that it was sampled from. */
  readonly logps: Float32Array;
}

/** A group of completions of one problem. */
export interface SampledGroup {
  readonly prompt: TokenText;
  readonly expected: string;
  readonly completions: readonly SampledCompletion[];
}

/** Options of sampling a group. */
export interface GroupOptions {
  readonly expression: string;
  readonly groupSize: number;
  readonly temperature: number;
  readonly topK: number;
  readonly seed: number;
}

/** Options of practice. */
export interface PracticeOptions extends GroupOptions {
  readonly steps: number;
  readonly lr: number;
  readonly klCoef: number;
  readonly clipRatio: number;
}

/** A group, and what the policy says of its completions before and after each step of learning from it. */
export interface Practice {
  readonly group: SampledGroup;
  /** By step (0 is before the first) and completion: logits (T,V) of the distribution that each token comes from. */
  readonly logits: readonly (readonly Float32Array[])[];
}

interface HeldModel {
  readonly model: Transformer;
  readonly sampler: Sampler;
  readonly task: Task;
}

/** Operations on open models. They run one after another. */
export class ModelOperations {
  readonly #models = new Map<string, HeldModel>();

  /** @param deviceFor opens a device for models of a number of parameters, or returns the one that is open. */
  constructor(private readonly deviceFor: (parameters: number) => Promise<Device>) {}

  /**
   * Open a checkpoint, in place of the one of that key.
   * @throws MathformerError for a damaged file, and for a model of a task that is not built in.
   */
  async open(key: string, bytes: Uint8Array, name: string): Promise<OpenModel> {
    const checkpoint = readCheckpoint(bytes, name);
    const task = await trainedTask(checkpoint);
    const parameters = [...checkpoint.stateDict.values()].reduce((sum, { data }) => sum + data.length, 0);
    const device = await this.deviceFor(parameters);
    const model = new Transformer(device, checkpoint.config, checkpoint.stateDict);
    this.#close(key);
    this.#models.set(key, { model, task, sampler: new Sampler(model, { eos: task.tokenizer.eos }) });
    for (const old of [...this.#models.keys()].slice(0, -KEPT)) this.#close(old);
    const { nLayers: layers, nHeads: heads } = checkpoint.config;
    return { layers, heads, parameters, task: task.name };
  }

  /** Return the text of every token, by its id. */
  async vocabulary(key: string): Promise<readonly string[]> {
    const { task, model } = this.#held(key);
    return textsOf(
      task,
      Array.from({ length: model.config.vocabSize }, (_, id) => id),
    );
  }

  /**
   * Return the tokens of a problem's prompt, or of any text that is none, with the model's greedy answer if it is asked for.
   * @throws MathformerError for text outside of the vocabulary.
   */
  async tokens(key: string, text: string, withAnswer: boolean): Promise<TokenText> {
    const held = this.#held(key);
    const prompt = promptOf(held.task, text);
    const [answer] = withAnswer
      ? await held.sampler.generate([prompt], { maxNewTokens: MAX_NEW_TOKENS, temperature: 0, seed: 0 })
      : [];
    return tokenText(held.task, prompt, answer?.tokens ?? []);
  }

  /** Compute the attention and the logits of a sequence. */
  async attend(key: string, ids: readonly number[]): Promise<AttentionProbabilities> {
    return attentionProbabilities(this.#held(key).model, ids);
  }

  /** Sample a group of completions of a problem, with rewards and advantages. */
  async sample(key: string, options: GroupOptions): Promise<SampledGroup> {
    const held = this.#held(key);
    return groupOf(held.task, await sampled(held, options));
  }

  /** Sample a group, and learn from it several times, on a copy of the model. */
  async practise(key: string, options: PracticeOptions): Promise<Practice> {
    const { task, model } = this.#held(key);
    const rollout = await sampled(this.#held(key), options);
    const { steps, lr, klCoef, clipRatio, groupSize, temperature, topK, seed } = options;
    const settings = { steps, lr, klCoef, clipRatio, groupSize, temperature, topK, seed };
    const checked = grpoOptions({ ...settings, batchSize: 1, maxNewTokens: MAX_NEW_TOKENS });
    const policy = model.clone();
    const trainer = new GrpoTrainer(policy, checked, { task });
    trainer.rollout = async () => rollout;
    try {
      const prompt = task.prompt(rollout.problem);
      const sequences = rollout.completions.map(({ tokens }) => [...prompt, ...tokens]);
      const logits = [await logitsOf(policy, sequences, prompt.length)];
      for (let step = 0; step < steps; step++) {
        await trainer.step();
        logits.push(await logitsOf(policy, sequences, prompt.length));
      }
      return { group: groupOf(task, rollout), logits };
    } finally {
      trainer.dispose();
      policy.dispose();
    }
  }

  /** Forget the models of a device that is lost. */
  forget(device: Device): void {
    for (const [key, { model }] of this.#models) if (model.device === device) this.#models.delete(key);
  }

  #held(key: string): HeldModel {
    const held = this.#models.get(key);
    if (!held) {
      const details = { code: NOT_OPEN, where: 'model', fix: 'open it' };
      throw new MathformerError('the model is not open', details);
    }
    // The order of the map is that of use.
    this.#models.delete(key);
    this.#models.set(key, held);
    return held;
  }

  #close(key: string): void {
    const held = this.#models.get(key);
    this.#models.delete(key);
    held?.sampler.dispose();
    held?.model.dispose();
  }
}

/** A rollout of one problem. */
interface OneProblem {
  readonly problem: TaskProblem;
  readonly problems: readonly TaskProblem[];
  readonly completions: readonly Completion[];
  readonly rewards: readonly number[];
}

async function sampled({ task, sampler }: HeldModel, options: GroupOptions): Promise<OneProblem> {
  const { expression, groupSize, temperature, topK, seed } = options;
  const problem = problemOf(task, expression);
  const sampling = { groupSize, temperature, topK, seed, maxNewTokens: MAX_NEW_TOKENS };
  const completions = await sampler.generate([task.prompt(problem)], sampling);
  const rewards = completions.map(({ tokens }) =>
    task.grade(problem, tokens).outcome === 'correct' ? 1 : 0,
  );
  return { problem, problems: [problem], completions, rewards };
}

function groupOf(task: Task, { problem, completions, rewards }: OneProblem): SampledGroup {
  const own = rewards.length > 1 ? advantages(rewards, rewards.length) : Float32Array.of(0);
  return {
    prompt: tokenText(task, task.prompt(problem), []),
    expected: problem.answer,
    completions: completions.map(({ tokens, logps, finished }, i) => ({
      ids: tokens,
      texts: textsOf(task, tokens),
      answer: task.grade(problem, tokens).answer,
      correct: rewards[i] === 1,
      reward: rewards[i] ?? 0,
      advantage: own[i] ?? 0,
      finished,
      logps,
    })),
  };
}

function problemOf(task: Task, expression: string): TaskProblem {
  if (task.problemOf) return task.problemOf(expression);
  const details = { code: 'NO_PROBLEM', where: 'task', fix: 'choose a model of another task' };
  throw new MathformerError(`the task ${task.name} reads no problems that a person writes`, details);
}

/** Return the prompt of a problem, or the tokens of a text that is none. */
function promptOf(task: Task, text: string): readonly number[] {
  const { tokenizer } = task;
  try {
    return task.prompt(problemOf(task, text));
  } catch {
    return [...(tokenizer.bos === undefined ? [] : [tokenizer.bos]), ...tokenizer.encode(text)];
  }
}

function tokenText(task: Task, prompt: readonly number[], answer: readonly number[]): TokenText {
  const ids = [...prompt, ...answer];
  return { ids, texts: textsOf(task, ids), promptLength: prompt.length };
}

const textsOf = ({ tokenizer }: Task, ids: readonly number[]): string[] =>
  ids.map((id) => tokenizer.decode([id]));

/** Compute the logits (T,V) that the tokens from `from` on of each sequence come from. */
async function logitsOf(
  model: Transformer,
  sequences: readonly (readonly number[])[],
  from: number,
): Promise<Float32Array[]> {
  const { vocabSize } = model.config;
  const lengths = sequences.map(({ length }) => length - 1);
  const ids = sequences.flatMap((sequence) => sequence.slice(0, -1));
  const values = Float32Array.from(await packedLogits(model, ids, lengths));
  let end = 0;
  return lengths.map((length) => {
    const start = (end + from - 1) * vocabSize;
    end += length;
    return values.slice(start, end * vocabSize);
  });
}

function packedLogits(
  model: Transformer,
  ids: readonly number[],
  lengths: readonly number[],
): Promise<ArrayLike<number>> {
  const { device } = model;
  using _ = device.scope();
  return noGrad(() => model.forward(Tensor.from(device, Uint32Array.from(ids)), new Packing(lengths))).data();
}
