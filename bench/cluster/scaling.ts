/**
 * Measure GRPO with simulated workers. Their rollouts take a set time and no CPU, so two cores show what many machines would:
 * the trainer's share of a step, the traffic, and the waits between.
 *
 * The bound of N workers is the time of a step in which nobody waits: the trainer's share (the update, the verification of all
 * results), and the rollout divided by N + 1, as the trainer samples, too, here at a worker's speed.
 */
import type { ClusterFigures } from '../../src/cluster/trainer/metrics.ts';
import { Verifier } from '../../src/cluster/trust/verifier.ts';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import type { CompletionSampler } from '../../src/model/completions.ts';
import { Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import type { Machine } from '../../src/training/machine.ts';
import { TcpProxy } from '../../tests/chaos/tcpProxy.ts';
import { NatsServer } from '../../tests/cluster/natsServer.ts';
import { quantile, total } from '../statistics.ts';
import { policyOf } from '../stepCases.ts';
import { RecordedCompletions } from './recordedCompletions.ts';
import { joined, machineWith, Simulated, sharing } from './simulation.ts';

/** A training whose rollouts are given to workers. */
export interface ScalingCase {
  readonly size: 'tiny' | 'small';
  readonly batchSize: number;
  readonly groupSize: number;
  readonly maxNewTokens: number;
  readonly staleness: number;
  /** Seconds that one simulated worker takes for the rollout of a step. */
  readonly rolloutSeconds: number;
  /** Steps that are timed, after two that are not. */
  readonly steps: number;
  /** Numbers of workers. */
  readonly counts: readonly number[];
}

const TINY = { size: 'tiny', batchSize: 64, maxNewTokens: 256, rolloutSeconds: 8, steps: 4 } as const;
const COUNTS = [1, 2, 4, 8] as const;

/**
 * The cases: a step's rollout at once and one step behind; few completions, the last of which machines wait for; and larger
 * weights.
 */
export const SCALING_CASES: readonly ScalingCase[] = [
  { ...TINY, groupSize: 16, staleness: 0, counts: COUNTS },
  { ...TINY, groupSize: 16, staleness: 1, counts: COUNTS },
  { ...TINY, groupSize: 4, staleness: 0, counts: [8] },
  { ...TINY, groupSize: 4, staleness: 1, counts: [8] },
  { ...TINY, size: 'small', batchSize: 32, groupSize: 4, staleness: 0, steps: 3, counts: [4] },
];

/** Times and figures of the timed steps. */
interface Timed {
  /** Median seconds of a step. */
  readonly seconds: number;
  /** Mean number of tokens of a step, prompts and completions. */
  readonly tokens: number;
  /** Mean bytes of a step on the trainer's connection; NaN without one. */
  readonly wireBytes: number;
  readonly figures: readonly ClusterFigures[];
}

/** Measurements of a number of workers. */
export interface ScalingPoint {
  readonly workers: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  /** Seconds of the bound. */
  readonly bound: number;
  /** Seconds from the publication of weights to their first use; null if none were used. */
  readonly policySecondsP50: number | null;
  readonly policySecondsP99: number | null;
  /** Mean bytes of a step: weights, items and results as the trainer counts them, and all that passed its connection. */
  readonly bytes: number;
  readonly wireBytes: number;
  /** Mean share of their time that workers waited. */
  readonly idleShare: number;
}

export interface ScalingResult {
  readonly name: string;
  /** Seconds of a step on this device alone, and with a coordinator that has no workers. */
  readonly local: number;
  readonly unattended: number;
  /** Seconds of the trainer's share. */
  readonly share: number;
  readonly rolloutSeconds: number;
  readonly points: readonly ScalingPoint[];
}

const WARM = 2;
const RUN = 'bench';
/** Parts in which the results of a step are verified, about as many as eight workers make. */
const PARTS = 16;

const nameOf = ({ size, batchSize, groupSize, maxNewTokens, staleness }: ScalingCase): string =>
  `${size}, ${batchSize} × ${groupSize} × ${maxNewTokens}${staleness > 0 ? `, staleness ${staleness}` : ''}`;

/** Take the steps of a case on a machine. */
async function train(machine: Machine, each: ScalingCase, proxy?: TcpProxy): Promise<Timed> {
  const { size, batchSize, groupSize, maxNewTokens, staleness, steps } = each;
  const policy = policyOf(machine.device, size);
  const options = grpoOptions({ batchSize, groupSize, maxNewTokens, staleness, steps: WARM + steps });
  const samplerOf = (model: Transformer): CompletionSampler => machine.sampler(model, EOS);
  const sampler = samplerOf(policy);
  const trainer = new GrpoTrainer(policy, options, { task: ARITHMETIC, sampler, samplerOf });
  const [seconds, tokens, figures]: [number[], number[], ClusterFigures[]] = [[], [], []];
  let before = 0;
  for (let step = 0; step < WARM + steps; step++) {
    if (step === WARM) before = bytesOf(proxy);
    const started = performance.now();
    const metrics = await trainer.step();
    if (step >= WARM) {
      seconds.push((performance.now() - started) / 1000);
      tokens.push(Number(metrics.num_tokens));
    }
    const report = machine.figures?.();
    if (report && step >= WARM) figures.push(report);
  }
  const wireBytes = (bytesOf(proxy) - before) / steps;
  trainer.dispose();
  sampler.dispose();
  policy.dispose();
  return { seconds: quantile(seconds, 0.5), tokens: total(tokens) / steps, wireBytes, figures };
}

const bytesOf = (proxy: TcpProxy | undefined): number =>
  proxy ? proxy.passed.toServer + proxy.passed.toClient : Number.NaN;

const known = (value: number): number | null => (Number.isNaN(value) ? null : value);

const mean = (values: readonly number[]): number => total(values) / values.length;

/** Return a sampler whose completions are there at once, and are verified as results of workers are. */
function verified(recorded: RecordedCompletions, model: Transformer, groups: number): CompletionSampler {
  const free = recorded.sampler(Number.POSITIVE_INFINITY);
  const verifier = new Verifier({ class: 'bench', matmulPrecision: 'highest', mode: 'same-class' });
  return {
    generate: async (prompts, options) => {
      const { groupSize = 1, topK = 0, topP = 1, minP = 0, firstSequenceId = 0, ...others } = options;
      const completions = await free.generate(prompts, options);
      for (let first = 0; first < prompts.length; first += groups) {
        const own = prompts.slice(first, first + groups);
        await verifier.check({
          ...{ model, sampler: free, class: 'bench', worker: { key: 'bench', instance: 'bench' } },
          item: {
            prompts: own.map((prompt) => [...prompt]),
            sampling: {
              ...{ ...others, groupSize, topK, topP, minP },
              firstSequenceId: firstSequenceId + first * groupSize,
            },
          },
          completions: completions
            .slice(first * groupSize, (first + groups) * groupSize)
            .map((each) => ({ ...each, prompt: each.prompt - first })),
        });
      }
      return completions;
    },
    dispose: () => {},
  };
}

/** Measure a case with each number of workers. */
export async function measureScaling(device: Device, each: ScalingCase): Promise<ScalingResult> {
  const recorded = new RecordedCompletions();
  const { staleness, rolloutSeconds, batchSize, counts, steps } = each;
  const sampler = (model: Transformer): CompletionSampler => new Sampler(model, { eos: EOS });
  await train(
    machineWith(device, (model) => recorded.recording(sampler(model))),
    each,
  );
  const { seconds: local } = await train(machineWith(device, sampler), each);
  const free = machineWith(device, (model) => verified(recorded, model, batchSize / PARTS));
  const { seconds: share } = await train(free, each);
  const tokensPerSecond = recorded.tokens / (WARM + steps) / rolloutSeconds;
  await using site = await Site.open(device, each, { recorded, tokensPerSecond });
  const { seconds: unattended } = await site.train(machineWith(device, sampler), 0);
  const pretending = machineWith(device, () => recorded.sampler(tokensPerSecond));
  const points: ScalingPoint[] = [];
  for (const workers of counts) {
    const timed = await site.train(pretending, workers);
    const rollout = rolloutSeconds / (workers + 1);
    points.push(pointOf(workers, timed, staleness > 0 ? Math.max(share, rollout) : share + rollout));
  }
  return { name: nameOf(each), local, unattended, share, rolloutSeconds, points };
}

function pointOf(
  workers: number,
  { seconds, tokens, wireBytes, figures }: Timed,
  bound: number,
): ScalingPoint {
  const latencies = (of: (each: ClusterFigures) => number): number[] =>
    figures.map(of).filter(Number.isFinite);
  const shares = figures.flatMap((each) => each.workers.map(({ idleShare }) => idleShare));
  return {
    ...{ workers, seconds, bound, tokensPerSecond: tokens / seconds, wireBytes },
    policySecondsP50: known(
      quantile(
        latencies(({ policySecondsP50 }) => policySecondsP50),
        0.5,
      ),
    ),
    policySecondsP99: known(
      quantile(
        latencies(({ policySecondsP99 }) => policySecondsP99),
        1,
      ),
    ),
    bytes: mean(figures.map(({ bytes }) => bytes)),
    idleShare: mean(shares),
  };
}

/** A server with a way to it for the trainer, whose bytes are counted. */
class Site implements AsyncDisposable {
  private constructor(
    private readonly device: Device,
    private readonly each: ScalingCase,
    private readonly work: { readonly recorded: RecordedCompletions; readonly tokensPerSecond: number },
    private readonly server: NatsServer,
    private readonly proxy: TcpProxy,
  ) {}

  static async open(device: Device, each: ScalingCase, work: Site['work']): Promise<Site> {
    const server = await NatsServer.start();
    return new Site(device, each, work, server, await TcpProxy.start(server));
  }

  /** Take the steps of the case on a machine that shares its work with simulated workers. */
  async train(machine: Machine, workers: number): Promise<Timed> {
    const { device, each, work, server, proxy } = this;
    const simulation = { url: server.url, count: workers, tokensPerSecond: work.tokensPerSecond };
    using simulated = await Simulated.start(device, work.recorded, workers > 0 ? [simulation] : []);
    const { config: model } = policyOf(device, each.size);
    const { staleness } = each;
    await using shared = await sharing(machine, { model, eos: EOS, url: proxy.url, run: RUN, staleness });
    await joined(shared, workers);
    const timed = await train(shared, each, proxy);
    await simulated.end();
    return timed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
