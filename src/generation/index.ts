/**
 * Generation in several processes, for software adapters. For Node alone.
 *
 * @module mathformer/generation
 */
export {
  generationProcesses,
  ParallelSampler,
  type ParallelSamplerOptions,
  samplerOf,
} from './parallelSampler.ts';
