/** A process of a `ParallelSampler`: a device and a model of its own, which generates what it is sent. */
import { MathformerError } from '../errors.ts';
import { Device } from '../gpu/device.ts';
import { openAdapter } from '../gpu/node.ts';
import { Sampler } from '../model/sampler.ts';
import { Transformer } from '../model/transformer.ts';
import type { Reply, Request, Setup } from './messages.ts';

async function open({ adapter: name, device: options, model: config, eos }: Setup): Promise<Sampler> {
  const { adapter } = await openAdapter({ name });
  const device = await Device.open(adapter, options);
  return new Sampler(new Transformer(device, config), { eos });
}

async function answer(sampler: Sampler, { weights, prompts, options }: Request): Promise<Reply> {
  const { device, parameters } = sampler.model;
  if (weights) {
    device.upload(parameters.values, weights);
    parameters.changed();
  }
  return { completions: await sampler.generate(prompts, options) };
}

function failure(error: unknown): Reply {
  const message = error instanceof Error ? error.message : String(error);
  const unforeseen = { code: 'UNFORESEEN', where: 'a process that generates', fix: 'report this' };
  const { code, where, fix } = error instanceof MathformerError ? error : unforeseen;
  return { failure: { message, code, where, fix } };
}

// Ctrl-C reaches every process of a terminal: the one that asked decides when to stop, and then disconnects.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());
process.once('message', (setup: Setup) => {
  const opening = open(setup);
  opening.catch(() => {}); // told in answer to the first request
  process.on('message', async (request: Request) => {
    process.send?.(await opening.then((sampler) => answer(sampler, request)).catch(failure));
  });
});
