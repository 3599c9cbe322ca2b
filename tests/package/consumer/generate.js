// Two processes generate, and this one ends by itself afterwards.
import { openDevice } from 'mathformer';
import { ParallelSampler } from 'mathformer/generation';
import { modelConfig, Sampler, Transformer } from 'mathformer/model';

const device = await openDevice();
const model = Transformer.create(device, modelConfig('tiny', { vocabSize: 57 }), 0);
const options = { groupSize: 2, maxNewTokens: 8, temperature: 1, seed: 0 };
const several = await new ParallelSampler(model, { eos: 53, processes: 2 }).generate([[1], [2, 3]], options);
const one = await new Sampler(model, { eos: 53 }).generate([[1], [2, 3]], options);
const same = JSON.stringify(several) === JSON.stringify(one);
console.log(`${several.length} completions, ${same ? 'as' : 'not as'} one sampler has them`);
