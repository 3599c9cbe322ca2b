/**
 * Mutation tests: `npm run mutation -- --mutate src/tasks/sorting.ts,src/tasks/arithmetic/split.ts`, or all of the rooms below. Each
 * mutant, a change of one expression, must make a test fail; docs/MUTATION.md tells of those that do not.
 *
 * @type {import('@stryker-mutator/api/core').PartialStrykerOptions}
 */
export default {
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.js' },
  mutate: ['src/{base,tasks,grpo,pretrain,runs,cli}/**/*.ts', '!src/*/index.ts'],
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 5_000,
  ignorePatterns: ['bench/results', 'docs', 'experiments', 'dist'],
  tempDirName: '.stryker/sandbox',
  incrementalFile: '.stryker/incremental.json',
  reporters: ['clear-text', 'html', 'json'],
  htmlReporter: { fileName: '.stryker/report.html' },
  jsonReporter: { fileName: '.stryker/report.json' },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
};
