/** The steps at which training phases save, evaluate and log, with trainers that only count. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Reporter } from '../../src/cli/reporter.ts';
import { TrainingTerminal } from '../../src/cli/trainingTerminal.ts';
import { modelConfig } from '../../src/model/config.ts';
import { initialStateDict } from '../../src/model/stateDict.ts';
import type { TrainingState } from '../../src/model/trainingState.ts';
import { Run } from '../../src/runs/run.ts';
import { evaluationSet } from '../../src/tasks/arithmetic/evaluationSet.ts';
import { ARITHMETIC } from '../../src/tasks/arithmetic/task.ts';
import { ANSWER, EOS, encode, VOCAB_SIZE } from '../../src/tasks/arithmetic/tokenizer.ts';
import type { TrainingEvent } from '../../src/training/events.ts';
import { grpoPhase, pretrainPhase } from '../../src/training/phases.ts';
import { workersOf } from '../../src/training/runRows.ts';
import { readTrace, type StepTrace } from '../../src/training/trace.ts';
import { TrainingRun } from '../../src/training/trainingRun.ts';
import { clusterFigures, workerFigures } from './figures.ts';
import { exampleTrace } from './traces.ts';

const config = modelConfig('tiny', { vocabSize: VOCAB_SIZE });
const stateDict = initialStateDict(config, 1);
const problems = evaluationSet({ size: 4, maxDigits: 1, maxDepth: 1, operators: '+' });

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'mathformer-phases-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

/** A bench whose model always answers 5, and a stop that can be requested. */
function bench() {
  const stop = { aborted: false };
  const run = new Run({ kind: 'grpo', directory: join(parent, 'run'), config: {} });
  const said: string[] = [];
  const stream = { write: (text: string) => said.push(text) > 0 };
  const tokens = [ANSWER, ...encode('5'), EOS];
  const subject = {
    evaluations: 0,
    async evaluate(onProgress: (done: number) => void) {
      subject.evaluations++;
      for (let done = 1; done <= problems.length; done++) onProgress(done);
      const completions = problems.map((_, prompt) => ({
        prompt,
        tokens,
        logps: new Float32Array(3),
        finished: true,
      }));
      const correct = problems.map(({ answer }) => answer === '5');
      const outcomes = correct.map((right) => (right ? ('correct' as const) : ('wrong' as const)));
      return { correct, outcomes, completions, accuracy: correct.filter(Boolean).length / correct.length };
    },
    checkpoint: async () => ({ config, stateDict, metadata: new Map<string, string>() }),
  };
  const reporter = new Reporter({ json: false, quiet: false }, stream, stream);
  const saved = () =>
    readdirSync(join(run.directory, 'checkpoints'))
      .filter((name) => /^(rl_)?model_\w+\.safetensors$/.test(name))
      .sort();
  const rows = (): Record<string, unknown>[] =>
    readFileSync(join(run.directory, 'metrics.jsonl'), 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  const terminal = new TrainingTerminal(reporter);
  const on = (event: TrainingEvent) => terminal.hear(event);
  const task = ARITHMETIC;
  const bench = new TrainingRun(run, { task, problems, subject, on, signal: stop });
  return { bench, stop, subject, said, saved, rows, reporter, terminal };
}

const NOT_SAVED = { saveInterval: 0, evalInterval: 0 };
const UNTRACED = { traceGroups: 0, traceInterval: 0 };

const SAMPLE = {
  prompt: '1+2',
  completion: '<answer>4<eos>',
  answer: '4',
  expected: '3',
  reward: 0,
  advantage: -0.5,
  truncated: false,
};

function counting(onStep: (step: number) => void = () => undefined, metrics: Record<string, number> = {}) {
  let step = 0;
  return {
    async step() {
      onStep(++step);
      return { loss: 1 / step, reward: 0, kl: 0, num_tokens: 10, ...metrics };
    },
    samples: () => [{ ...SAMPLE, reward: step }],
    trace: (): StepTrace | undefined => exampleTrace(step),
    state: async () => ({ progress: { step }, optimizer: new Map(), reference: null }),
    restore: ({ progress }: TrainingState) => {
      step = (progress as { step: number }).step;
    },
  };
}

describe('grpoPhase', () => {
  it('takes the tokens per second of all steps, without the time of saving and evaluating', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { bench: each, subject } = bench();
    const { evaluate } = subject;
    subject.evaluate = (onProgress) => {
      vi.advanceTimersByTime(60_000);
      return evaluate(onProgress);
    };
    const trainer = counting((step) => vi.advanceTimersByTime(1000 * step));
    const result = await grpoPhase(each, {
      trainer,
      steps: 3,
      saveInterval: 1,
      evalInterval: 1,
      ...UNTRACED,
    });
    expect(result).toMatchObject({ tokens: 30, seconds: 6, tokensPerSecond: 5 });
    vi.useRealTimers();
  });

  it('saves and evaluates at its intervals, and the best and the final model', async () => {
    const { bench: each, saved, rows, said, subject } = bench();
    const result = await grpoPhase(each, {
      trainer: counting(),
      steps: 6,
      saveInterval: 2,
      evalInterval: 3,
      ...UNTRACED,
    });
    expect(saved()).toEqual(
      ['final', 'step2', 'step3', 'step4', 'step6'].map((name) => `rl_model_${name}.safetensors`),
    );
    // Nobody answered better later than at the only evaluation.
    expect(each.store.checkpoints.best).toMatchObject({ name: 'rl_model_step3', step: 3 });
    expect(result).toMatchObject({ steps: 6, tokens: 60 });
    expect(result.checkpoint).toMatch(/rl_model_final\.safetensors$/);
    expect(subject.evaluations).toBe(1);
    expect(said.join('')).toMatch(/^Step 3 Eval: \d+\.00% \(\d\/4\)$/m);
    expect(rows().map(({ step, eval_accuracy }) => [step, typeof eval_accuracy === 'number'])).toEqual([
      [1, false],
      [2, false],
      [3, true],
      [4, false],
      [5, false],
      [6, false],
    ]);
  });

  it('shows and keeps samples at every evaluation and at the end', async () => {
    const { bench: each, said } = bench();
    await grpoPhase(each, { trainer: counting(), steps: 5, saveInterval: 0, evalInterval: 2, ...UNTRACED });
    const kept = readdirSync(each.store.directory).filter((name) => name.startsWith('samples'));
    expect(kept.sort()).toEqual([2, 4, 5].map((step) => `samples_step${step}.jsonl`));
    const lines = readFileSync(join(each.store.directory, 'samples_step4.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([{ step: 4, ...SAMPLE, reward: 4 }]);
    const table = said.join('').split('\n');
    const at = table.indexOf('Samples of step 4:');
    expect(table.slice(at + 1, at + 3).map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['prompt', 'answer', 'expected', 'reward', 'advantage', 'truncated'],
      ['1+2', '4', '3', '4.000', '-0.500', 'no'],
    ]);
  });

  it('shows the loss, the reward and the KL, as far as they were measured', async () => {
    const { bench: each, said } = bench();
    const phase = { steps: 2, ...NOT_SAVED, ...UNTRACED };
    await grpoPhase(each, { trainer: counting(undefined, { kl: Number.NaN, reward: 0.5 }), ...phase });
    expect(said.join('')).toMatch(/^GRPO 2\/2 steps, loss 0\.5000, reward 0\.5000$/m);
  });

  it('saves a new best, and not one that is as good', async () => {
    const { bench: each, saved } = bench();
    const phase = { steps: 5, saveInterval: 0, evalInterval: 1, ...UNTRACED };
    await grpoPhase(each, { trainer: counting(), ...phase });
    // The model answers alike all the time.
    expect(saved()).toEqual(['final', 'step1', 'step5'].map((name) => `rl_model_${name}.safetensors`));
    expect(each.store.checkpoints.best?.step).toBe(1);
  });

  it('keeps the figures of other machines in its metrics and by worker, asked for before it evaluates', async () => {
    const { bench: each, rows, subject } = bench();
    const order: string[] = [];
    const { evaluate } = subject;
    subject.evaluate = (onProgress) => {
      order.push('evaluate');
      return evaluate(onProgress);
    };
    const trainer = counting((step) => order.push(`step ${step}`));
    const figures = () => {
      order.push('figures');
      const workers = [workerFigures({ items: order.length }), workerFigures({ worker: 'trainer' })];
      return clusterFigures({ workers, policySecondsP50: Number.NaN });
    };
    const phase = { steps: 2, saveInterval: 0, evalInterval: 1, ...UNTRACED };
    await grpoPhase(each, { trainer, figures, ...phase });
    expect(order).toEqual(['step 1', 'figures', 'evaluate', 'step 2', 'figures']);
    expect(rows()).toMatchObject([
      { step: 1, loss: 1, 'workers/items': 4, 'workers/policy_seconds_p50': null },
      { step: 2, loss: 0.5, 'workers/items': 4, 'workers/bytes': 4096 },
    ]);
    const kept = workersOf(readFileSync(join(each.store.directory, 'workers.jsonl')));
    expect(kept.rows.map(({ step, worker, items }) => [step, worker, items])).toEqual([
      [1, 'a1', 2],
      [1, 'trainer', 3],
      [2, 'a1', 5],
      [2, 'trainer', 3],
    ]);
  });

  it('keeps nothing of workers in a run that works alone', async () => {
    const { bench: each, rows } = bench();
    const phase = { steps: 1, ...NOT_SAVED, ...UNTRACED };
    await grpoPhase(each, { trainer: counting(), figures: () => undefined, ...phase });
    expect(Object.keys(rows()[0] ?? {}).filter((name) => name.startsWith('workers'))).toEqual([]);
    expect(readdirSync(each.store.directory)).not.toContain('workers.jsonl');
  });

  it('keeps no file of samples where there are none', async () => {
    const { bench: each, said } = bench();
    const trainer = { ...counting(), samples: () => [] };
    await grpoPhase(each, { trainer, steps: 2, saveInterval: 0, evalInterval: 1, ...UNTRACED });
    expect(readdirSync(each.store.directory).filter((name) => name.startsWith('samples'))).toEqual([]);
    expect(said.join('')).not.toContain('Samples');
  });

  it('counts as over when all steps are taken, not when it is stopped', async () => {
    const whole = bench();
    const phase = { steps: 2, ...NOT_SAVED, ...UNTRACED };
    const result = await grpoPhase(whole.bench, { trainer: counting(), ...phase });
    expect(whole.bench.finished.grpo).toMatchObject({ steps: 2, tokens: 20 });
    expect(result.checkpoint).toMatch(/rl_model_final/);
    rmSync(whole.bench.store.directory, { recursive: true });
    const stopped = bench();
    const stopping = counting(() => {
      stopped.stop.aborted = true;
    });
    const part = await grpoPhase(stopped.bench, { trainer: stopping, ...phase });
    expect(stopped.bench.finished).toEqual({});
    expect(part.checkpoint).toMatch(/rl_model_step1\.safetensors$/);
  });

  it('warns once of what goes wrong, with what to do', async () => {
    const { bench: each, said } = bench();
    const trainer = counting(undefined, { kl: 3, 'completions/clipped_ratio': 0.5 });
    await grpoPhase(each, { trainer, steps: 5, saveInterval: 0, evalInterval: 0, ...UNTRACED });
    const warnings = said
      .join('')
      .split('\n')
      .filter((line) => line.startsWith('warning: '));
    expect(warnings.length).toBe(2);
    expect(warnings[0]).toMatch(
      /^warning: step 1: 50 % of the completions are cut off .* — raise --max_gen_len/,
    );
    expect(warnings[1]).toMatch(/^warning: step 1: .* 3\.00 nats .* — lower --lr/);
  });

  const tracesOf = (directory: string): string[] => readdirSync(join(directory, 'trace')).sort();

  it('keeps traces of the first and the last step, and at their interval', async () => {
    const { bench: each } = bench();
    const asked: number[] = [];
    const trainer = counting();
    const { trace } = trainer;
    const tracing = {
      ...trainer,
      trace: (groups: number) => {
        asked.push(groups);
        return trace();
      },
    };
    await grpoPhase(each, { trainer: tracing, steps: 7, ...NOT_SAVED, traceGroups: 3, traceInterval: 2 });
    expect(asked).toEqual([3, 3, 3, 3, 3]);
    expect(tracesOf(each.store.directory)).toEqual([1, 2, 4, 6, 7].map((step) => `step${step}.safetensors`));
    const bytes = readFileSync(join(each.store.directory, 'trace', 'step4.safetensors'));
    expect(readTrace(bytes, 'step4')).toEqual(exampleTrace(4));
  });

  it('keeps no trace of a step that was skipped, and none where none is wanted', async () => {
    const { bench: each } = bench();
    const skipping = { ...counting(), trace: () => undefined };
    await grpoPhase(each, { trainer: skipping, steps: 1, ...NOT_SAVED, traceGroups: 2, traceInterval: 1 });
    await grpoPhase(each, { trainer: counting(), steps: 2, ...NOT_SAVED, traceGroups: 0, traceInterval: 1 });
    expect(readdirSync(each.store.directory)).not.toContain('trace');
  });

  it('finishes, logs and saves the step during which a stop was requested', async () => {
    const { bench: each, stop, saved, rows } = bench();
    const trainer = counting((step) => {
      stop.aborted = step === 3;
    });
    const result = await grpoPhase(each, {
      trainer,
      steps: 9,
      saveInterval: 2,
      evalInterval: 0,
      ...UNTRACED,
    });
    expect(result.steps).toBe(3);
    expect(rows()).toHaveLength(3);
    expect(saved()).toEqual(['rl_model_step2.safetensors', 'rl_model_step3.safetensors']);
  });

  it('gives up an evaluation for a stop, not the model', async () => {
    const { bench: each, stop, saved, rows } = bench();
    const trainer = counting((step) => {
      stop.aborted = step === 2;
    });
    await grpoPhase(each, { trainer, steps: 9, saveInterval: 0, evalInterval: 2, ...UNTRACED });
    expect(rows().at(-1)).toMatchObject({ step: 2, eval_accuracy: null });
    expect(saved()).toEqual(['rl_model_step2.safetensors']);
  });

  it('saves the start alone when stopped before the first step', async () => {
    const { bench: each, stop, saved } = bench();
    stop.aborted = true;
    const result = await grpoPhase(each, {
      trainer: counting(),
      steps: 3,
      saveInterval: 1,
      evalInterval: 1,
      ...UNTRACED,
    });
    expect(result).toMatchObject({ steps: 0, checkpoint: null });
    expect(saved()).toEqual(['rl_model_step0.safetensors']);
  });
});

describe('pretrainPhase', () => {
  const trainer = (onStep?: (step: number) => void) => {
    const { step, ...rest } = counting(onStep);
    const metrics = { step: 0, pass: 1, lr: 1, gradNorm: 1, skipped: 0, tokens: 5 };
    return { ...rest, totalSteps: 6, step: async () => ({ ...metrics, ...(await step()) }) };
  };

  it('saves after every pass and evaluates between passes', async () => {
    const { bench: each, saved, subject, said, rows } = bench();
    const result = await pretrainPhase(each, {
      trainer: trainer(),
      stepsPerPass: 2,
      stepEval: true,
      saveInterval: 1,
    });
    expect(saved()).toEqual([1, 2, 3].map((pass) => `model_step${pass}.safetensors`));
    expect(result).toMatchObject({ steps: 6, tokens: 30 });
    expect(subject.evaluations).toBe(2);
    expect(said.join('').match(/^Step \d Eval/gm)).toEqual(['Step 1 Eval', 'Step 2 Eval']);
    expect(said.join('')).toMatch(/^Pretraining 6\/6 steps, loss 0\.1667, lr 1\.0000$/m);
    expect(rows().map(({ phase }) => phase)).toEqual(Array.from({ length: 6 }, () => 'pretrain'));
  });

  it('saves the start, and within a pass only where that is asked for', async () => {
    const { bench: each, saved } = bench();
    const seen: string[] = [];
    const looking = trainer(() => seen.push(saved().join()));
    await pretrainPhase(each, { trainer: looking, stepsPerPass: 3, stepEval: false, saveInterval: 0 });
    const [start, first] = ['model_update0.safetensors', 'model_step1.safetensors'];
    expect(seen).toEqual([start, start, start, first, first, first]);
    expect(saved()).toEqual([first, 'model_step2.safetensors']);
  });

  it('saves what an interrupted pass has learnt', async () => {
    const { bench: each, stop, saved } = bench();
    const stopping = trainer((step) => {
      stop.aborted = step === 3;
    });
    await pretrainPhase(each, { trainer: stopping, stepsPerPass: 2, stepEval: false, saveInterval: 0 });
    expect(saved()).toEqual(['model_step1.safetensors', 'model_update3.safetensors']);
  });
});

describe('TrainingRun', () => {
  it('lets go of an evaluation that is asked to stop, unless all is answered', async () => {
    const { bench: each, stop, subject } = bench();
    const { evaluate } = subject;
    const stopAt = (count: number): void => {
      stop.aborted = false;
      subject.evaluate = (onProgress) =>
        evaluate((done) => {
          stop.aborted = done === count;
          onProgress(done);
        });
    };
    stopAt(1);
    expect(await each.judge('final')).toBeNull();
    expect(readdirSync(each.store.directory)).not.toContain('final_completions.jsonl');
    stopAt(problems.length);
    expect(await each.judge('final')).toHaveLength(4);
    expect(readdirSync(each.store.directory)).toContain('final_completions.jsonl');
  });

  it('shows a bar for an evaluation with a name, and takes it away, whatever becomes of it', async () => {
    const { bench: each, subject, reporter, terminal } = bench();
    const bars: string[] = [];
    vi.spyOn(reporter, 'bar').mockImplementation((label, total) => {
      bars.push(`${label} ${total}`);
      return { update: (done) => bars.push(String(done)), stop: () => bars.push('stop') };
    });
    await each.evaluateAt(3);
    expect(bars).toEqual([]);
    await each.judge('final');
    expect(bars.splice(0)).toEqual(['Evaluating 4', '1', '2', '3', '4', 'stop']);
    subject.evaluate = async () => {
      throw new Error('out of memory');
    };
    await expect(each.judge('final')).rejects.toThrow('out of memory');
    terminal.stop();
    expect(bars).toEqual(['Evaluating 4', 'stop']);
  });

  it('ends with the failure of a listener that it did not wait for', async () => {
    const { bench: parts, subject } = bench();
    const heard: string[] = [];
    const on = async ({ type }: TrainingEvent): Promise<void> => {
      heard.push(type);
      if (heard.length === 2) throw new Error('the page is gone');
    };
    const run = new TrainingRun(parts.store, { task: ARITHMETIC, problems, subject, on });
    await expect(run.judge('final')).rejects.toThrow('the page is gone');
    expect(heard.every((type) => type === 'evaluating')).toBe(true);
  });

  it.each([
    ['baseline_completions.jsonl', (run: TrainingRun) => run.judge('baseline')],
    ['eval_step30_completions.jsonl', (run: TrainingRun) => run.evaluateAt(30)],
  ])('keeps what the model answered, beside what it should have: %s', async (name, evaluate) => {
    const { bench: each } = bench();
    await evaluate(each);
    const lines = readFileSync(join(each.store.directory, name), 'utf8').trimEnd();
    const rows = lines.split('\n').map((line) => JSON.parse(line));
    expect(rows).toHaveLength(4);
    rows.forEach((row, i) => {
      const { expression, answer } = problems[i] ?? { expression: '', answer: '' };
      expect(row).toEqual({
        id: i,
        expression,
        completion: '<answer>5<eos>',
        answer: '5',
        expected: answer,
        verdict: answer === '5' ? 'correct' : 'wrong',
      });
    });
  });
});
