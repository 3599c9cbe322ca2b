/**
 * Stands in for the GPU in tests of what commands decide: `vi.mock` puts these in place of the machine, the model, its
 * samplers and the trainers. A model of n layers answers every n-th problem correctly and the others not at all, and of the
 * samples of a problem likewise, counted from the problem's place; all of other tasks than arithmetic it leaves unanswered. A
 * step of a trainer makes it answer more.
 */
import type { MachineFlags } from '../../src/cli/commandMachine.ts';
import type { Device } from '../../src/gpu/device.ts';
import type { Completion, SampleOptions } from '../../src/model/completions.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import type { TrainingState } from '../../src/model/trainingState.ts';
import { gitCommit, versions } from '../../src/runs/provenance.ts';
import { ANSWER, decode, EOS, encode, SCRATCHPAD, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import { evaluateText } from '../../src/tasks/expressions/parser.ts';

/** The state of the fake machine, for tests to inspect and change. */
export const world = {
  description: 'a GPU of paper',
  /** The flags of every machine that was opened, and the models it was tuned for. */
  opened: [] as { readonly flags: MachineFlags; readonly models: readonly ModelConfig[] }[],
  trainers: [] as CountingTrainer[],
  /** Objects that hold memory of the device. */
  held: new Set<object>(),
  /** Additional metrics of a GRPO step. */
  metrics: {} as Readonly<Record<string, number>>,
  /** Called at the beginning of each step. */
  onStep: (_trainer: CountingTrainer, _step: number): void => undefined,
  reset(): void {
    Object.assign(world, {
      description: 'a GPU of paper',
      opened: [],
      trainers: [],
      metrics: {},
      onStep: () => undefined,
    });
    world.held.clear();
  },
};

/** A device that can be lost. */
class PaperDevice implements Pick<Device, 'choices' | 'chosen'> {
  isLost = false;
  readonly choices = { 'matmul none K1 N1 M1': { variant: 'portable', source: '00000000' } };
  readonly chosen = new Map([['matmul none K1 N1 M1', 'portable']]);
  async lost(): Promise<boolean> {
    return this.isLost;
  }
}

const samplerOf = (model: Transformer, eos: number): Sampler => new Sampler(model, { eos });

/** In place of `openMachine`. */
export async function openMachine(flags: MachineFlags, _reporter: object, models: readonly ModelConfig[]) {
  world.opened.push({ flags, models });
  return {
    device: new PaperDevice(),
    adapter: { name: 'paper', kind: 'software', description: world.description },
    provenance: { versions: { ...versions() }, gitCommit: gitCommit() },
    sampler: samplerOf,
    reportProfile: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** In place of `withMachine`. */
export async function withMachine<Result>(
  flags: MachineFlags,
  reporter: object,
  models: readonly ModelConfig[],
  work: (machine: object) => Promise<Result>,
): Promise<Result> {
  return work(await openMachine(flags, reporter, models));
}

/** In place of the model. */
export class Transformer {
  /** Answers one problem in so many. */
  every: number;

  constructor(
    readonly device: PaperDevice,
    readonly config: ModelConfig,
    readonly weights: object,
  ) {
    this.every = config.nLayers;
    world.held.add(this);
  }

  async stateDict(): Promise<object> {
    return this.weights;
  }

  dispose(): void {
    world.held.delete(this);
  }
}

/** In place of any sampler. */
export class Sampler {
  /** The options of every call. */
  readonly calls: SampleOptions[] = [];

  constructor(
    private readonly model: Transformer,
    private readonly tokens: { readonly eos: number } = { eos: EOS },
  ) {
    world.held.add(this);
  }

  async generate(prompts: readonly (readonly number[])[], options: SampleOptions): Promise<Completion[]> {
    this.calls.push(options);
    const { groupSize = 1, firstSequenceId = 0 } = options;
    return prompts.flatMap((ids, prompt) =>
      Array.from({ length: groupSize }, (_, i) => {
        const place = (firstSequenceId % 2 ** 20) + Math.floor(firstSequenceId / 2 ** 20) + prompt + i;
        const isRight = this.model.config.vocabSize === VOCAB_SIZE && place % this.model.every === 0;
        const tokens = [...(isRight ? answerTo(ids) : []), this.tokens.eos];
        return { prompt, tokens, logps: new Float32Array(tokens.length).fill(-0.25), finished: true };
      }),
    );
  }

  dispose(): void {
    world.held.delete(this);
  }
}

function answerTo(prompt: readonly number[]): number[] {
  const expression = decode(prompt.filter((id) => id < SCRATCHPAD));
  return [ANSWER, ...encode(evaluateText(expression).toString())];
}

/** The common part of both trainers: it counts steps. */
class CountingTrainer {
  /** Steps taken. */
  count = 0;

  constructor(
    readonly model: Transformer,
    readonly options: Readonly<Record<string, unknown>>,
    readonly parts: Readonly<Record<string, unknown>> = {},
  ) {
    world.trainers.push(this);
    world.held.add(this);
  }

  protected next(): number {
    world.onStep(this, this.count + 1);
    this.model.every = Math.max(1, this.model.every - 1);
    return ++this.count;
  }

  async state(): Promise<TrainingState> {
    return { progress: { count: this.count }, optimizer: new Map(), reference: null };
  }

  restore({ progress }: TrainingState): void {
    this.count = 'count' in progress && typeof progress.count === 'number' ? progress.count : Number.NaN;
  }

  dispose(): void {
    world.held.delete(this);
  }
}

/** In place of the GRPO trainer. */
export class GrpoTrainer extends CountingTrainer {
  async step(): Promise<object> {
    const step = this.next();
    return { loss: 1 / step, reward: 0.5, kl: Number.NaN, entropy: 1, num_tokens: 10, ...world.metrics };
  }

  trace(): undefined {
    return undefined;
  }

  samples(): readonly object[] {
    return [];
  }
}

/** In place of the supervised trainer: two examples a batch, whatever the options say. */
export class SupervisedTrainer extends CountingTrainer {
  readonly stepsPerPass = 2;

  get totalSteps(): number {
    return 2 * Number(this.options.steps);
  }

  async step(): Promise<object> {
    const step = this.next();
    return { step, pass: Math.ceil(step / 2), loss: 1 / step, lr: 0.1, gradNorm: 1, tokens: 7, skipped: 0 };
  }
}
