/** Compiles only if the shipped types are right and strict; it is never run. */
import { AdapterError, type Device, type OpenDeviceOptions, openDevice } from 'mathformer';
import { GrpoTrainer, grpoOptions, type Reward } from 'mathformer/grpo';
import { grade, type Problem, ProblemStream } from 'mathformer/math';
import { modelConfig, readCheckpoint, Sampler, Transformer } from 'mathformer/model';
import { pretrainOptions, SupervisedTrainer } from 'mathformer/pretrain';
import { arithmetic, sorting, type Task, TaskStream } from 'mathformer/tasks';
import { backward, linear, mean, Tensor } from 'mathformer/tensor';
import {
  MemoryStore,
  machineOf,
  type Store,
  type Summary,
  type TrainingEvent,
  trainGrpo,
} from 'mathformer/training';

const options: OpenDeviceOptions = { adapter: 'hardware', portableKernels: true };
const device: Device = await openDevice(options);
const vendor: string = device.gpu.adapterInfo.vendor;
{
  const scope = device.scope();
  const weight = Tensor.zeros(device, [1, 4]).requireGrad();
  backward(mean(linear(Tensor.from(device, [1, 2, 3, 4], [1, 4]), weight)));
  const gradient: Tensor | undefined = weight.grad;
  if (gradient) scope.keep(gradient.view);
  scope[Symbol.dispose]();
}

const { config, stateDict } = readCheckpoint(new Uint8Array(), 'none.safetensors');
const model = new Transformer(device, { ...config, ...modelConfig('tiny', { vocabSize: 57 }) }, stateDict);
const metrics: Readonly<Record<string, number>> = await new GrpoTrainer(model, grpoOptions(), {
  task: arithmetic(),
}).step();
const loss: number = (await new SupervisedTrainer(model, pretrainOptions(), { task: arithmetic() }).step())
  .loss;
const problem: Problem = new ProblemStream({}, { split: 'training' }).next();
const [completion] = await new Sampler(model, { eos: null }).generate([[1]], {
  maxNewTokens: 8,
  temperature: 1,
  seed: 0,
});
const sampled = new GrpoTrainer(model, grpoOptions(), {
  task: arithmetic({ maxDigits: 1 }),
  sampler: new Sampler(model, { eos: null }),
});
const reward: 0 | 1 = grade(problem, completion?.tokens ?? []).reward;

const task: Task = sorting({ maxDigits: 3 });
const brief: Reward = {
  name: 'brief',
  weight: 0.1,
  reward: async (_, { tokens, maxLength }) => 1 - tokens.length / maxLength,
};
const own = new GrpoTrainer(model, grpoOptions({ curriculum: true }), { task, rewards: [brief] });
const progress: number = (await own.state()).progress.step;
const { expression }: { expression: string } = new TaskStream(task, { seed: 1, stream: 0 }).next();

const store: Store = new MemoryStore();
const heard: TrainingEvent['type'][] = [];
const summary: Summary = await trainGrpo(
  { task, model: () => ({ config, stateDict, metadata: new Map() }), grpo: grpoOptions(), rewards: [brief] },
  {
    store,
    openMachine: async () => machineOf(await openDevice()),
    on: async ({ type }) => void heard.push(type),
    signal: AbortSignal.timeout(1000),
  },
);

// @ts-expect-error a shape is made of numbers
Tensor.zeros(device, 'wide');
// @ts-expect-error there is no such option
await openDevice({ adaptor: 'hardware' });

export { AdapterError, expression, heard, loss, metrics, progress, reward, sampled, summary, vendor };
