/** The facts of a run in a list of runs: of whole, stopped, torn and hostile ones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accuracyOf, improvementOf } from '../../src/training/accuracy.ts';
import { listingOf } from '../../src/training/readListing.ts';
import type { RunFiles } from '../../src/training/runFiles.ts';
import { filesOf, linesOf } from './filesOf.ts';

const MODEL = {
  architecture: 'mathformer',
  vocabSize: 57,
  dModel: 32,
  nHeads: 2,
  dFF: 128,
  nLayers: 2,
  dropout: 0.05,
  tieEmbeddings: false,
  numExperts: 0,
  activeExperts: 0,
  bias: true,
  finalNorm: false,
  scaleEmbedding: true,
};
const CONFIG = {
  kind: 'grpo',
  startedAt: '2026-03-01T12:30:05.000Z',
  options: { seed: 7, task: 'sorting', steps: 3, lr: 1e-3 },
  model: MODEL,
  adapter: { description: 'WebAssembly SIMD' },
};
const rowsTo = (step: number, phase = 'grpo') =>
  linesOf(Array.from({ length: step }, (_, i) => ({ phase, step: i + 1, reward: (i + 1) / 10 })));
const before = [true, false, false];
const after = [true, true, false];
const SUMMARY = {
  interrupted: false,
  baseline: accuracyOf(before),
  final: accuracyOf(after),
  improvement: improvementOf(before, after),
  phases: { grpo: { steps: 3, tokens: 9 } },
  kernels: {},
};
const FINISHED = { 'config.json': CONFIG, 'metrics.jsonl': rowsTo(3), 'summary.json': SUMMARY };

describe('a listing', () => {
  it('says what the files of a finished run say', async () => {
    expect(await listingOf('a/b', filesOf(FINISHED))).toEqual({
      id: 'a/b',
      state: 'finished',
      problem: null,
      kind: 'grpo',
      task: 'sorting',
      startedAt: CONFIG.startedAt,
      modified: 1000,
      step: 3,
      steps: 3,
      phase: 'grpo',
      // 2 · 57 · 32 of embedding and output, 57 of its bias, and two layers of 12,704.
      parameters: 2 * 57 * 32 + 57 + 2 * (4 * 32 * 32 + 4 * 32 + 2 * 32 * 128 + 128 + 32 + 4 * 32),
      model: 'tiny',
      adapter: 'WebAssembly SIMD',
      seed: 7,
      baseline: SUMMARY.baseline,
      final: SUMMARY.final,
      improvement: SUMMARY.improvement,
      reward: 0.3,
      options: CONFIG.options,
    });
  });

  it.each([
    ['training', { ...FINISHED, 'metrics.jsonl': rowsTo(2) }, true],
    ['training', FINISHED, true],
    ['stopped', { 'config.json': CONFIG, 'metrics.jsonl': rowsTo(2) }, false],
    ['stopped', { ...FINISHED, 'summary.json': { ...SUMMARY, interrupted: true } }, false],
    // Resumed with more steps, and killed: before the first of them, and behind it.
    [
      'stopped',
      { ...FINISHED, 'config.json': { ...CONFIG, options: { ...CONFIG.options, steps: 9 } } },
      false,
    ],
    ['stopped', { ...FINISHED, 'metrics.jsonl': rowsTo(4) }, false],
    ['stopped', { 'config.json': CONFIG }, false],
    ['finished', FINISHED, false],
  ])('is %s', async (state, files, isTraining) => {
    expect(await listingOf('run', filesOf(files), isTraining)).toMatchObject({ state, problem: null });
  });

  it('has the results of an earlier session no longer once it was resumed', async () => {
    const more = { ...CONFIG, options: { ...CONFIG.options, steps: 9 } };
    for (const files of [
      { ...FINISHED, 'config.json': more },
      { ...FINISHED, 'metrics.jsonl': rowsTo(4) },
    ]) {
      expect(await listingOf('run', filesOf(files), true)).toMatchObject({
        baseline: SUMMARY.baseline,
        final: null,
        improvement: null,
      });
    }
  });

  it('counts the steps of the phase at hand', async () => {
    const parts = { pretrain: { steps: 2, numExamples: 10, batchSize: 4 }, grpo: { steps: 5 } };
    const config = { ...CONFIG, kind: 'pipeline', options: { seed: 0, ...parts } };
    const at = (files: object) => listingOf('run', filesOf({ 'config.json': config, ...files }));
    expect(await at({})).toMatchObject({ task: 'arithmetic', phase: null, step: 0, steps: null });
    expect(await at({ 'metrics.jsonl': rowsTo(1, 'pretrain') })).toMatchObject({
      step: 1,
      steps: 6,
      phase: 'pretrain',
    });
    expect(await at({ 'metrics.jsonl': rowsTo(6, 'pretrain') + rowsTo(2) })).toMatchObject({
      step: 2,
      steps: 5,
    });
  });

  it('has the baseline before there is a summary', async () => {
    const answers = ['correct', 'wrong'].map((verdict) => ({
      expression: '1',
      completion: '1',
      answer: '1',
      expected: '1',
      verdict,
    }));
    const files = { 'config.json': CONFIG, 'baseline_completions.jsonl': linesOf(answers) };
    expect((await listingOf('run', filesOf(files))).baseline).toEqual(accuracyOf([true, false]));
  });

  it('reads the end of the metrics only, and leaves out a torn line', async () => {
    const read: [string, number][] = [];
    const files = filesOf({ ...FINISHED, 'metrics.jsonl': `${rowsTo(100_000)}{"phase":"grpo","step":1000` });
    const counting: RunFiles = {
      list: () => files.list(),
      read: async (name, from = 0) => {
        const bytes = await files.read(name, from);
        read.push([name, bytes?.length ?? 0]);
        return bytes;
      },
    };
    expect(await listingOf('run', counting)).toMatchObject({ step: 100_000, reward: 10_000 });
    expect(read.filter(([name]) => name === 'metrics.jsonl')).toEqual([['metrics.jsonl', 1 << 14]]);
  });

  it('finds a last row that is longer than the end that it reads first', async () => {
    const long = `${JSON.stringify({ phase: 'grpo', step: 3, note: 'x'.repeat(100_000) })}\n`;
    expect(await listingOf('run', filesOf({ ...FINISHED, 'metrics.jsonl': rowsTo(2) + long }))).toMatchObject(
      { step: 3 },
    );
  });
});

describe('an unreadable run', () => {
  it.each([
    ['no config', {}, /^There is no config\.json\. Put a copy/],
    ['a torn config', { 'config.json': '{"kind":' }, /^config\.json is not JSON\. Put a copy/],
    ['a config that is none', { 'config.json': [1] }, /^config\.json is not the config of a training run/],
    ['a config without options', { 'config.json': { kind: 'grpo' } }, /\(options\)\. Put a copy/],
    [
      'a kind of a newer version',
      { 'config.json': { ...CONFIG, kind: 'distill' } },
      /unknown kind of run, "distill"\. Open it with the version/,
    ],
    [
      'a newer manifest',
      { ...FINISHED, 'checkpoints/manifest.json': { version: 2 } },
      /manifest\.json has version 2\. Open it with the version/,
    ],
    [
      'a torn manifest',
      { ...FINISHED, 'checkpoints/manifest.json': '{' },
      /manifest\.json is not JSON\. Put/,
    ],
    [
      'a manifest that is none',
      { ...FINISHED, 'checkpoints/manifest.json': [] },
      /is not the manifest of checkpoints\. Put/,
    ],
    [
      'a torn summary',
      { ...FINISHED, 'summary.json': '{' },
      /^summary\.json is not JSON\. .* resume the run/,
    ],
    [
      'a hostile summary',
      { ...FINISHED, 'summary.json': { ...SUMMARY, final: { accuracy: '<b>' } } },
      /^summary\.json is not the summary/,
    ],
  ])('with %s says the fault and its fix', async (_, files, problem) => {
    expect(await listingOf('run', filesOf(files))).toMatchObject({
      state: 'unreadable',
      problem: expect.stringMatching(problem),
    });
  });

  it('of a newer version still has the facts that can be read', async () => {
    const files = { ...FINISHED, 'checkpoints/manifest.json': { version: 2 } };
    expect(await listingOf('run', filesOf(files))).toMatchObject({
      kind: 'grpo',
      step: 3,
      final: SUMMARY.final,
    });
  });

  it('is one whose files cannot be read', async () => {
    const refuse = (): never => {
      throw new Error('permission denied');
    };
    expect(await listingOf('run', { list: refuse, read: refuse })).toMatchObject({
      state: 'unreadable',
      problem: 'permission denied.',
    });
  });

  it('shows no control characters of hostile names', async () => {
    const { problem } = await listingOf(
      'run',
      filesOf({ 'config.json': { ...CONFIG, kind: '\u202eevil\u0007' } }),
    );
    expect(problem).toContain('\\u202eevil\\u0007');
  });

  it('is never an error, whatever its files hold', async () => {
    const name = fc.constantFrom(
      'config.json',
      'metrics.jsonl',
      'summary.json',
      'checkpoints/manifest.json',
      'baseline_completions.jsonl',
    );
    const base = fc.constantFrom(CONFIG, SUMMARY, { version: 1 }, {});
    const hostile = fc.oneof(
      fc.json(),
      fc.string(),
      fc.uint8Array(),
      fc.tuple(base, fc.object()).map(([some, odd]) => ({ ...some, ...odd })),
      fc.tuple(base, fc.string(), fc.jsonValue()).map(([some, key, value]) => ({ ...some, [key]: value })),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, hostile), fc.boolean(), async (files, isTraining) => {
        const { state, problem } = await listingOf(
          'run',
          filesOf({ 'config.json': CONFIG, ...files }),
          isTraining,
        );
        expect(state === 'unreadable').toBe(problem !== null);
      }),
    );
  });
});
