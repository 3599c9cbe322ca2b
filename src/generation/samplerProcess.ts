/** A process of a `ParallelSampler`. It opens its own device and model, and completes the prompts that it receives. */
import { MathformerError, problemOf } from '../base/errors.ts';
import { Device } from '../gpu/device.ts';
import { openAdapter } from '../gpu/node.ts';
import { Sampler } from '../model/sampler.ts';
import { Transformer } from '../model/transformer.ts';
import type { Reply, Request, Setup } from './messages.ts';

async function open({ adapter: name, device: options, model: config, eos }: Setup): Promise<Sampler> {
  const { adapter } = await openAdapter({ name, matrixUnits: options.matmulPrecision === 'medium' });
  const device = await Device.open(adapter, options);
  return new Sampler(new Transformer(device, config), { eos });
}

async function answer(sampler: Sampler, { weights, prompts, options }: Request): Promise<Reply> {
  if (weights) sampler.model.parameters.set(weights);
  return { completions: await sampler.generate(prompts, options) };
}

function failure(error: unknown): Reply {
  const message = problemOf(error);
  if (!(error instanceof MathformerError)) {
    return { failure: { message, code: 'UNFORESEEN', where: 'generation', fix: 'report this' } };
  }
  const { code, where, fix } = error;
  if (code !== 'OUT_OF_MEMORY') return { failure: { message, code, where, fix } };
  const advice = `${fix}, or generate in fewer processes: --generation_processes`;
  return { failure: { message, code, where: 'generation', fix: advice } };
}

// Ignore signals such as that of Ctrl-C, which reach every process of a group: the parent decides when to stop, and disconnects.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
process.once('message', (setup: Setup) => {
  const opening = open(setup);
  opening.catch(() => {}); // the reply to the first request reports it
  process.on('message', async (request: Request) => {
    process.send?.(await opening.then((sampler) => answer(sampler, request)).catch(failure));
  });
});
