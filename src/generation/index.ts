/**
 * Generation in several processes, for software adapters. Only for Node.
 *
 * @module mathformer/generation
 */
export * from './parallelSampler.ts';
