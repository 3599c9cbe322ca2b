/**
 * GRPO (Shao et al., 2402.03300) without a language model: a bandit with eight machines of ten arms each. A machine
 * corresponds to a prompt, an arm to a completion. Every step pulls a group of arms at each machine, and compares the
 * rewards within the group.
 *
 *     npx tsx examples/bandit.ts [--steps 60]
 */
import { parseArgs } from 'node:util';
import { openDevice } from 'mathformer';
import {
  AdamW,
  add,
  backward,
  bernoulli,
  clamp,
  div,
  exp,
  Generator,
  gather,
  logSoftmax,
  max,
  mean,
  minimum,
  mul,
  multinomial,
  neg,
  noGrad,
  Parameters,
  rand,
  std,
  sub,
  type Tensor,
} from 'mathformer/tensor';

const { values: flags } = parseArgs({ options: { steps: { type: 'string', default: '60' } } });
const steps = Number(flags.steps);
const MACHINES = 8;
const ARMS = 10;
const GROUP = 16;
const UPDATES = 4; // optimiser steps on the same pulls, which is why the ratio is clipped
const CLIP = 0.2;

const device = await openDevice();
const generator = new Generator(0);
/** Probability of a reward of 1 for each machine and arm. The policy has to learn it. */
const chances = rand(device, [MACHINES, ARMS], { generator });
const policy = new Parameters(device, new Map([['logits', [MACHINES, ARMS]]]));
const optimizer = new AdamW(policy);

/** Return log π(arm | machine) of the pulled arms, (MACHINES,GROUP). */
const logProbability = (arms: Tensor): Tensor => gather(logSoftmax(policy.get('logits')), 1, arms);

for (let step = 1; step <= steps; step++) {
  using _ = device.scope(); // frees this step's tensors at its end
  const probabilities = noGrad(() => exp(logSoftmax(policy.get('logits'))));
  const arms = multinomial(probabilities, GROUP, { generator, replacement: true });
  const rewards = bernoulli(gather(chances, 1, arms), { generator });

  // The advantage of a pull within its group: (R − mean)/std.
  const group = { axes: [1], keepDims: true };
  const advantages = div(sub(rewards, mean(rewards, group)), add(std(rewards, group), 1e-6));
  const before = noGrad(() => logProbability(arms));
  for (let update = 0; update < UPDATES; update++) {
    policy.zeroGrad();
    const ratio = exp(sub(logProbability(arms), before));
    const clipped = clamp(ratio, 1 - CLIP, 1 + CLIP);
    backward(neg(mean(minimum(mul(ratio, advantages), mul(clipped, advantages)))));
    optimizer.step(0.05);
  }
  if (step === 1 || step % 10 === 0) {
    console.log(`step ${step}: mean reward ${(await mean(rewards).item()).toFixed(3)}`);
  }
}
console.log(`the best arms give ${(await mean(max(chances, { axes: [1] })).item()).toFixed(3)}`);
