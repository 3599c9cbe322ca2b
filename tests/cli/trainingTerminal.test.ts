/** The end of a session: summary.json, and the printed lines. */
import { describe, expect, test } from 'vitest';
import { Reporter } from '../../src/cli/reporter.ts';
import { printSummary } from '../../src/cli/trainingTerminal.ts';
import { type Results, type SummaryContext, summaryOf } from '../../src/training/summary.ts';

const RIGHT = [true, true, true, false];
const WRONG = [true, false, false, false];
const ADAPTER = { name: 'vulkan', kind: 'hardware', description: 'a GPU' } as const;
const CONTEXT: SummaryContext = {
  ...{ kind: 'grpo', seed: 3, adapter: ADAPTER, interrupted: false, kernels: {} },
  ...{ gitCommit: null, seconds: 12 },
};
const PHASES: Results['phases'] = {
  pretrain: { steps: 4, tokens: 3000, seconds: 2, tokensPerSecond: 1500, checkpoint: 'runs/a/model_step1' },
  grpo: { steps: 2, tokens: 1000, seconds: 6, tokensPerSecond: 167, checkpoint: 'runs/a/model_step9' },
};

const checkpointsWith = (best: { name: string; step: number; accuracy: number } | null) => ({
  best,
  path: (name: string) => `runs/a/${name}.safetensors`,
});

function summary(
  results: Partial<Results> = {},
  context: Partial<SummaryContext> = {},
  best = checkpointsWith(null),
) {
  return summaryOf(
    best,
    { baseline: WRONG, final: RIGHT, phases: PHASES, ...results },
    { ...CONTEXT, ...context },
  );
}

function linesOf(...of: Parameters<typeof summary>): string[] {
  const said: string[] = [];
  const out = { write: (text: string) => said.push(text) > 0 };
  printSummary(new Reporter({ json: false, quiet: false }, out, out), summary(...of), 'runs/a');
  return said.join('').trimEnd().split('\n');
}

describe('summary.json', () => {
  test('adds up the phases, and compares the accuracies', () => {
    expect(summary()).toMatchObject({
      ...{ kind: 'grpo', seed: 3, interrupted: false, phases: PHASES },
      baseline: { correct: 1, total: 4, accuracy: 0.25 },
      final: { correct: 3, total: 4, accuracy: 0.75 },
      improvement: { difference: 0.5, onlyFirst: 0, onlySecond: 2 },
      ...{
        trainingSeconds: 8,
        tokens: 4000,
        tokensPerSecond: 500,
        checkpoint: 'runs/a/model_step9',
        best: null,
      },
    });
  });

  test('is null for what a session did not get to', () => {
    expect(summary({ baseline: null, final: null, phases: {} })).toMatchObject({
      ...{ baseline: null, final: null, improvement: null, checkpoint: null },
      ...{ tokens: 0, trainingSeconds: 0, tokensPerSecond: 0 },
    });
    expect(summary({ final: null }).improvement).toBeNull();
    expect(summary({ baseline: null }).improvement).toBeNull();
  });

  test('names the file of the best checkpoint', () => {
    const best = { name: 'model_step5', step: 5, accuracy: 0.9 };
    expect(summary({}, {}, checkpointsWith(best)).best).toEqual({
      ...best,
      checkpoint: 'runs/a/model_step5.safetensors',
    });
  });
});

describe('the last lines', () => {
  test('say what was gained and saved', () => {
    const lines = linesOf();
    expect(lines[0]).toMatch(/^Improvement: \+50\.00 points, /);
    expect(lines[1]).toBe('Saved final model to runs/a/model_step9');
    expect(lines[2]).toMatch(/^Took .*, 500 tokens\/s in training$/);
    expect(lines).toHaveLength(3);
  });

  test.each([
    ['better than the final', 0.8, true],
    ['as good', 0.75, false],
    ['worse', 0.7, false],
  ])('name the best checkpoint only where it is better: %s', (_, accuracy, named) => {
    const lines = linesOf({}, {}, checkpointsWith({ name: 'model_step5', step: 5, accuracy }));
    const wanted = `Best: ${(100 * accuracy).toFixed(2)}% after step 5, runs/a/model_step5.safetensors`;
    expect(lines.includes(wanted)).toBe(named);
    expect(lines.some((line) => line.startsWith('Best'))).toBe(named);
  });

  test('of an interrupted run say how it goes on', () => {
    const lines = linesOf({ final: null }, { interrupted: true });
    expect(lines[0]).toBe('Interrupted; saved the model to runs/a/model_step9');
    expect(lines[1]).toMatch(/^Go on with: .*resume runs\/a$/);
    expect(linesOf({ final: null, phases: {} }, { interrupted: true })[0]).toBe(
      'Interrupted before the first step',
    );
    expect(linesOf({ final: null, phases: {} }).join()).not.toMatch(/Interrupted|Saved/);
  });
});
