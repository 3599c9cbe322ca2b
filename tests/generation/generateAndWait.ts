/** Generates something in two processes, says so, and stays until its standard input ends. */
import { ParallelSampler } from '../../src/generation/index.ts';
import { prompt } from '../../src/math/sample.ts';
import { openDevice } from '../device.ts';
import { fixtureModel } from '../model/referenceModels.ts';

const device = await openDevice();
const sampler = new ParallelSampler(fixtureModel(device, 'tiny.safetensors'), { processes: 2 });
await sampler.generate([prompt('1+2'), prompt('3')], { maxNew: 4, temperature: 1, seed: 0 });
console.log('generated');
process.stdin.resume();
