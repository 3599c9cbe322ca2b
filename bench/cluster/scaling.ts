/**
 * Measure GRPO with simulated workers. Their rollouts take a set time and no CPU, so two cores show what many machines would:
 * the trainer's share of a step, the traffic, and the waits between.
 *
 * The bound of N workers is the time of a step in which nobody waits: the trainer's share (the update, the verification of all
 * results), and the rollout divided by N + 1, as the trainer samples, too, here at a worker's speed.
 */
import type { ClusterFigures } from '../../src/cluster/metrics.ts';
import { Verifier } from '../../src/cluster/verifier.ts';
import type { Device } from '../../src/gpu/device.ts';
import { grpoOptions } from '../../src/grpo/options.ts';
import { GrpoTrainer } from '../../src/grpo/trainer.ts';
import type { CompletionSampler } from '../../src/model/completions.ts';
import { Sampler } from '../../src/model/sampler.ts';
import type { Transformer } from '../../src/model/transformer.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { EOS } from '../../src/tasks/arithmetic/tokenizer.ts';
import type { Machine } from '../../src/training/machine.ts';
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
}

/** Times and figures of the timed steps. */
interface Timed {
  /** Median seconds of a step. */
  readonly seconds: number;
  /** Mean number of tokens of a step, prompts and completions. */
  readonly tokens: number;
  readonly figures: readonly ClusterFigures[];
}

/** Measurements of a number of workers. */
export interface ScalingPoint {
  readonly workers: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  /** Seconds of the bound. */
  readonly bound: number;
  readonly policySecondsP50: number;
  readonly policySecondsP99: number;
  /** Mean bytes of a step. */
  readonly bytes: number;
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

const nameOf = ({ size, batchSize, groupSize, maxNewTokens, staleness }: ScalingCase): string =>
  `${size}, ${batchSize} × ${groupSize} × ${maxNewTokens}${staleness > 0 ? `, staleness ${staleness}` : ''}`;

/** Take the steps of a case on a machine. */
async function train(machine: Machine, each: ScalingCase): Promise<Timed> {
  const { size, batchSize, groupSize, maxNewTokens, staleness, steps } = each;
  const policy = policyOf(machine.device, size);
  const options = grpoOptions({ batchSize, groupSize, maxNewTokens, staleness, steps: WARM + steps });
  const samplerOf = (model: Transformer): CompletionSampler => machine.sampler(model, EOS);
  const sampler = samplerOf(policy);
  const trainer = new GrpoTrainer(policy, options, { task: ARITHMETIC, sampler, samplerOf });
  const [seconds, tokens, figures]: [number[], number[], ClusterFigures[]] = [[], [], []];
  for (let step = 0; step < WARM + steps; step++) {
    const started = performance.now();
    const metrics = await trainer.step();
    if (step >= WARM) {
      seconds.push((performance.now() - started) / 1000);
      tokens.push(Number(metrics.num_tokens));
    }
    const report = machine.figures?.();
    if (report && step >= WARM) figures.push(report);
  }
  trainer.dispose();
  sampler.dispose();
  policy.dispose();
  return { seconds: quantile(seconds, 0.5), tokens: total(tokens) / steps, figures };
}

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
export async function measureScaling(
  device: Device,
  each: ScalingCase,
  counts: readonly number[],
): Promise<ScalingResult> {
  const recorded = new RecordedCompletions();
  const { staleness, rolloutSeconds, batchSize } = each;
  const sampler = (model: Transformer): CompletionSampler => new Sampler(model, { eos: EOS });
  const plain = machineWith(device, (model) => recorded.recording(sampler(model)));
  const local = await train(plain, each);
  const free = machineWith(device, (model) => verified(recorded, model, batchSize / 16));
  const { seconds: share } = await train(free, each);
  const tokensPerSecond = recorded.tokens / (WARM + each.steps) / rolloutSeconds;
  const pretending = machineWith(device, () => recorded.sampler(tokensPerSecond));
  const { config: model } = policyOf(device, each.size);
  await using server = await NatsServer.start();
  const where = { model, eos: EOS, url: server.url, run: RUN, staleness };

  const within = async (machine: Machine, workers: number): Promise<Timed> => {
    using simulated = await Simulated.start(
      device,
      recorded,
      workers > 0 ? [{ url: server.url, count: workers, tokensPerSecond }] : [],
    );
    await using shared = await sharing(machine, where);
    await joined(shared, workers);
    const timed = await train(shared, each);
    await simulated.end();
    return timed;
  };
  const unattended = await within(machineWith(device, sampler), 0);
  const points: ScalingPoint[] = [];
  for (const workers of counts) {
    const { seconds, tokens, figures } = await within(pretending, workers);
    const rollout = rolloutSeconds / (workers + 1);
    const bound = staleness > 0 ? Math.max(share, rollout) : share + rollout;
    points.push({
      ...{ workers, seconds, bound, tokensPerSecond: tokens / seconds },
      policySecondsP50: quantile(
        figures.map(({ policySecondsP50 }) => policySecondsP50),
        0.5,
      ),
      policySecondsP99: quantile(
        figures.map(({ policySecondsP99 }) => policySecondsP99),
        1,
      ),
      bytes: total(figures.map(({ bytes }) => bytes)) / figures.length,
    });
  }
  return {
    name: nameOf(each),
    local: local.seconds,
    unattended: unattended.seconds,
    share,
    rolloutSeconds,
    points,
  };
}
