/** A trainer that is saved as JSON and tensors and restored in a new one resumes to the same bits. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StateDict } from '../../src/formats/index.ts';
import type { Device } from '../../src/gpu/device.ts';
import { type GrpoOptions, grpoOptions } from '../../src/grpo/options.ts';
import type { GrpoState } from '../../src/grpo/state.ts';
import { type GrpoMetrics, GrpoTrainer } from '../../src/grpo/trainer.ts';
import { Transformer } from '../../src/model/transformer.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import type { Task } from '../../src/tasks/task.ts';
import { openDevice } from '../device.ts';
import { readFixture } from '../model/referenceModels.ts';
import { SMALL, SMALL_TASK } from './rollouts.ts';

const { config, stateDict } = readFixture('tiny_easy.pt');

describe('the state of a trainer', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  interface Stop {
    readonly metrics: readonly GrpoMetrics[];
    readonly weights: StateDict;
    readonly state: GrpoState;
  }

  /** Take `count` steps, from the start or from a saved state. */
  async function steps(
    options: GrpoOptions,
    count: number,
    { from, task = SMALL_TASK }: { readonly from?: Stop; readonly task?: Task } = {},
  ): Promise<Stop> {
    const policy = new Transformer(device, config, from?.weights ?? stateDict);
    const trainer = new GrpoTrainer(policy, options, { task });
    if (from) trainer.restore(from.state);
    const metrics: GrpoMetrics[] = [];
    for (let i = 0; i < count; i++) metrics.push({ ...(await trainer.step()), step_time: 0 });
    const stop = { metrics, weights: await policy.stateDict(), state: await trainer.state() };
    trainer.dispose();
    policy.dispose();
    return stop;
  }

  const throughJson = ({ progress, ...tensors }: GrpoState): GrpoState => ({
    progress: JSON.parse(JSON.stringify(progress)),
    ...tensors,
  });

  test.each<Partial<GrpoOptions> & { readonly task?: Task }>([
    { scheduler: 'cosine', steps: 4 },
    {
      ...{ curriculum: true, dynamicSampling: true, maxNewTokens: 24 },
      ...{ klTarget: 1e-6, klHorizon: 12, epochs: 2, miniBatches: 3 },
      task: arithmetic({ maxDigits: 2, maxDepth: 2 }),
    },
    { refSyncSteps: 3, klTarget: 1e-4, klHorizon: 12 },
    { klCoef: 0 },
    { staleness: 1, steps: 4 },
    {
      ...{ staleness: 2, curriculum: true, dynamicSampling: true, maxNewTokens: 24, epochs: 2 },
      task: arithmetic({ maxDigits: 2, maxDepth: 2 }),
    },
  ])('%o: two and two steps are four', async ({ task = SMALL_TASK, ...overrides }) => {
    const options = grpoOptions({ ...SMALL, lr: 1e-3, ...overrides });
    const whole = await steps(options, 4, { task });
    const first = await steps(options, 2, { task });
    const from = { ...first, state: throughJson(first.state) };
    const second = await steps(options, 2, { from, task });
    expect([...first.metrics, ...second.metrics]).toEqual(whole.metrics);
    expect(second.weights).toEqual(whole.weights);
    expect(second.state).toEqual(whole.state);
    expect(first.weights).not.toEqual(whole.weights);
  });

  test.each([0, 1, 2])('staleness %i: resumed after any step it is the unbroken run', async (staleness) => {
    const task = arithmetic({ maxDigits: 2, maxDepth: 2 });
    const overrides = { curriculum: true, dynamicSampling: true, maxNewTokens: 24, klCoef: 0 };
    const options = grpoOptions({ ...SMALL, ...overrides, staleness, steps: 4 });
    const whole = await steps(options, 4, { task });
    for (const count of [0, 1, 2, 3]) {
      const first = await steps(options, count, { task });
      expect(first.state.versions?.length ?? 0).toBe(staleness);
      const from = { ...first, state: throughJson(first.state) };
      const second = await steps(options, 4 - count, { from, task });
      expect([...first.metrics, ...second.metrics]).toEqual(whole.metrics);
      expect(second.weights).toEqual(whole.weights);
      expect(second.state).toEqual(whole.state);
    }
  });

  test('keeps the weights that sample the next rollouts, and the problems before them', async () => {
    const options = grpoOptions({ ...SMALL, staleness: 2 });
    const first = await steps(options, 1);
    const { state } = await steps(options, 3);
    const { versions = [], progress } = state;
    // After three steps: those after the first and the second.
    expect(versions[0]).toEqual(first.weights);
    expect(versions.map((version) => [...version.keys()])).toEqual([0, 1].map(() => [...stateDict.keys()]));
    expect(progress).toMatchObject({ step: 3, problems: 9 });
    expect((await steps(grpoOptions({ ...SMALL, staleness: 2 }), 0)).state.versions).toEqual([
      stateDict,
      stateDict,
    ]);
  });

  test('of another staleness is refused, and named', async () => {
    const states = await Promise.all(
      [0, 1, 2].map((staleness) => steps(grpoOptions({ ...SMALL, staleness }), 0)),
    );
    for (const [saved, { state }] of states.entries()) {
      for (const asked of [0, 1, 2]) {
        const policy = new Transformer(device, config, stateDict);
        const options = grpoOptions({ ...SMALL, staleness: asked });
        const trainer = new GrpoTrainer(policy, options, { task: SMALL_TASK });
        if (saved === asked) trainer.restore(state);
        else {
          expect(() => trainer.restore(state)).toThrow(
            expect.objectContaining({
              code: 'BAD_STATE',
              message: expect.stringContaining(`--staleness ${saved} and cannot resume with ${asked}`),
            }),
          );
        }
        trainer.dispose();
        policy.dispose();
      }
    }
  });

  test('is of everything that changes', async () => {
    const options = grpoOptions({ ...SMALL, curriculum: true, klTarget: 1e-6, klHorizon: 12 });
    const task = arithmetic({ maxDigits: 2, maxDepth: 1 });
    const { progress, optimizer, reference } = (await steps(options, 1, { task })).state;
    expect(progress).toMatchObject({ step: 1, optimizerSteps: 1, problems: 3 });
    expect(progress.klCoef).not.toBe(0.1);
    expect(Object.keys(progress.curriculum ?? {})).toEqual(['digits_1_depth_1', 'digits_2_depth_1']);
    expect([...optimizer.keys()]).toEqual(['report', 'exp_avg', 'exp_avg_sq']);
    expect(reference?.get('out_proj.bias')).toEqual(stateDict.get('out_proj.bias'));
  });

  test('what is none is refused', async () => {
    const policy = new Transformer(device, config, stateDict);
    const trainer = new GrpoTrainer(policy, grpoOptions(SMALL), { task: SMALL_TASK });
    const good = await trainer.state();
    const bad = { code: 'BAD_STATE' };
    const refused = (state: unknown): unknown => {
      try {
        trainer.restore(state as GrpoState);
        return undefined;
      } catch (error) {
        return error;
      }
    };
    expect(refused({ ...good, progress: { ...good.progress, step: -1 } })).toMatchObject(bad);
    expect(refused({ ...good, progress: { ...good.progress, more: 1 } })).toMatchObject(bad);
    expect(refused({ ...good, progress: null })).toMatchObject(bad);
    expect(refused({ ...good, optimizer: new Map() })).toMatchObject(bad);
    expect(refused({ ...good, reference: null })).toMatchObject(bad);
    expect(refused(good)).toBeUndefined();
    trainer.dispose();
    policy.dispose();
  });
});
