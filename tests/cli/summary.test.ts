/** What a training's summary says: the best checkpoint where it is better than the last, and the pace of all phases. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Reporter } from '../../src/cli/reporter.ts';
import { printSummary, type Results, summaryOf } from '../../src/cli/summary.ts';
import { Run } from '../../src/runs/run.ts';

let directory: string;
let run: Run;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-summary-'));
  run = new Run({ kind: 'grpo', directory: join(directory, 'run'), config: {} });
});
afterAll(() => {
  run[Symbol.dispose]();
  rmSync(directory, { recursive: true });
});

const CONTEXT = {
  kind: 'grpo',
  seed: 0,
  adapter: { name: 'a', kind: 'software', description: 'a driver' },
  interrupted: false,
  kernels: {},
} as const;

function summary(results: Partial<Results>) {
  return summaryOf({ run }, { baseline: null, final: null, phases: {}, ...results }, CONTEXT);
}

function linesOf(of: ReturnType<typeof summary>): string {
  const said: string[] = [];
  const stream = { write: (text: string) => said.push(text) > 0 };
  printSummary(new Reporter({ json: false, quiet: false }, stream, stream), of, run.directory);
  return said.join('');
}

describe('a summary', () => {
  it('has the tokens per second of all steps of all phases', () => {
    const phase = { steps: 2, tokensPerSecond: 0, checkpoint: null };
    const phases = {
      pretrain: { ...phase, tokens: 900, seconds: 1 },
      grpo: { ...phase, tokens: 100, seconds: 9 },
    };
    expect(summary({ phases })).toMatchObject({ tokens: 1000, trainingSeconds: 10, tokensPerSecond: 100 });
    expect(linesOf(summary({ phases }))).toMatch(/, 100 tokens\/s in training\n$/);
    expect(summary({}).tokensPerSecond).toBe(0);
  });

  it.each([
    [0.75, [true, false], /^Best: 75\.00% after step 4, .*early/m],
    [0.5, [true, false], undefined],
    [0.25, [true, false], undefined],
  ] as const)('with a best of %d and a final accuracy of 0.5', (accuracy, final, line) => {
    const best = { name: 'early', step: 4, accuracy };
    const said = linesOf({ ...summary({ final }), best: { ...best, checkpoint: '/early.safetensors' } });
    if (line === undefined) expect(said).not.toContain('Best');
    else expect(said).toMatch(line);
  });
});
