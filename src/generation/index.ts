/**
 * Generation in several processes, for software adapters. Only for Node.
 *
 * @module mathformer/generation
 */
export {
  generationProcesses,
  ParallelSampler,
  type ParallelSamplerOptions,
  samplerOf,
} from './parallelSampler.ts';
