/** The computations of pages with a model, against the package's own functions and against definitions. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { ModelOperations, type PracticeOptions } from '../../../app/src/model/operations.ts';
import { errorFrom, failureFrom, NOT_OPEN } from '../../../app/src/model/protocol.ts';
import { MathformerError } from '../../../src/base/errors.ts';
import { readCheckpoint, writeCheckpoint } from '../../../src/formats/index.ts';
import type { Device } from '../../../src/gpu/device.ts';
import { settingsEntry } from '../../../src/training/trainedSettings.ts';
import { openDevice } from '../../device.ts';

const devices: Device[] = [];
const operations = new ModelOperations(async () => {
  const device = await openDevice();
  devices.push(device);
  return device;
});
afterAll(() => {
  for (const device of devices) device.destroy();
});

const NAME = 'tiny_easy.pt';
const file = new Uint8Array(readFileSync(`tests/fixtures/checkpoints/${NAME}`));
const KEY = 'tiny';
const opened = operations.open(KEY, file, NAME);

const GROUP = { expression: '3+4', groupSize: 8, temperature: 1, topK: 0, seed: 1 };

/** Log-softmax of a row of logits, in float64. */
function logSoftmax(logits: Float32Array, row: number, vocabSize: number): number[] {
  const values = Array.from(logits.subarray(row * vocabSize, (row + 1) * vocabSize));
  const highest = Math.max(...values);
  const total = highest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - highest), 0));
  return values.map((value) => value - total);
}

describe('a model', () => {
  it('is opened with its sizes and its task', async () => {
    expect(await opened).toMatchObject({ layers: 2, heads: 2, task: 'arithmetic' });
  });

  it('of a task that is not built in is refused, and a torn file, too', async () => {
    const { config, stateDict } = readCheckpoint(file, NAME);
    const foreign = writeCheckpoint({
      config,
      stateDict,
      metadata: new Map([settingsEntry({ task: './mine.ts' })]),
    });
    await expect(operations.open('foreign', foreign, 'foreign')).rejects.toMatchObject({
      code: 'UNKNOWN_TASK',
    });
    await expect(operations.open('torn', foreign.slice(0, 5000), 'torn')).rejects.toMatchObject({
      code: 'TRUNCATED',
    });
  });

  it('that is not open says so; of many, those that were used last are', async () => {
    await expect(operations.attend('none', [1])).rejects.toMatchObject({ code: NOT_OPEN });
    await opened;
    for (const key of ['a', 'b', 'c']) await operations.open(key, file, NAME);
    await operations.attend(KEY, [1]);
    await operations.open('d', file, NAME);
    await expect(operations.attend('a', [1])).rejects.toMatchObject({ code: NOT_OPEN });
    expect((await operations.attend(KEY, [1])).length).toBe(1);
  });
});

it('models of a lost device are forgotten: the next request opens them again', async () => {
  const own = new ModelOperations(async () => {
    const device = await openDevice();
    devices.push(device);
    return device;
  });
  await own.open('first', file, NAME);
  const lost = devices.at(-1);
  await own.open('second', file, NAME);
  if (lost) own.forget(lost);
  await expect(own.attend('first', [1])).rejects.toMatchObject({ code: NOT_OPEN });
  expect((await own.attend('second', [1])).length).toBe(1);
});

describe('tokens', () => {
  it('are those of the prompt, with the answer behind it if that is asked for', async () => {
    await opened;
    const prompt = await operations.tokens(KEY, '3+4', false);
    expect(prompt.texts).toEqual(['<sos>', '<big>', '3', '+', '4', '<scratchpad>']);
    const whole = await operations.tokens(KEY, '3+4', true);
    expect(whole.texts.slice(0, whole.promptLength)).toEqual(prompt.texts);
    expect(whole.ids.length).toBeGreaterThan(whole.promptLength);
  });

  it('of a text that is no problem are those of the text, and of others an error', async () => {
    await opened;
    expect((await operations.tokens(KEY, '3+', false)).texts).toEqual(['<sos>', '3', '+']);
    await expect(operations.tokens(KEY, 'é', false)).rejects.toThrow('unknown character');
  });
});

describe('a group', () => {
  it('has the log-probabilities that the logits give, and advantages within the group', async () => {
    await opened;
    const { prompt, completions } = await operations.sample(KEY, GROUP);
    expect(completions).toHaveLength(8);
    const { vocabSize } = readCheckpoint(file, NAME).config;
    for (const { ids, logps } of completions) {
      const { logits } = await operations.attend(KEY, [...prompt.ids, ...ids]);
      for (const [t, token] of ids.entries()) {
        const row = logSoftmax(logits, prompt.ids.length - 1 + t, vocabSize);
        expect(row[token]).toBeCloseTo(logps[t] ?? Number.NaN, 4);
      }
    }
    expect(completions.reduce((sum, { advantage }) => sum + advantage, 0)).toBeCloseTo(0, 5);
    for (const { reward, correct } of completions) expect(reward).toBe(correct ? 1 : 0);
  });

  it('is the same for the same seed', async () => {
    await opened;
    expect(await operations.sample(KEY, GROUP)).toEqual(await operations.sample(KEY, GROUP));
  });
});

describe('practice', () => {
  const options: PracticeOptions = {
    ...GROUP,
    temperature: 1.5,
    steps: 3,
    lr: 3e-3,
    klCoef: 0,
    clipRatio: 0.2,
  };

  it('raises what had an advantage, lowers the rest, and leaves the model as it was', async () => {
    await opened;
    const before = await operations.sample(KEY, GROUP);
    const { group, logits } = await operations.practise(KEY, options);
    expect(logits).toHaveLength(4);
    expect(new Set(group.completions.map(({ correct }) => correct)).size).toBe(2);
    const vocabSize = readCheckpoint(file, NAME).config.vocabSize;
    const sums = logits.map((step) =>
      group.completions.map(({ ids }, i) =>
        ids.reduce(
          (sum, token, t) => sum + (logSoftmax(step[i] ?? new Float32Array(), t, vocabSize)[token] ?? 0),
          0,
        ),
      ),
    );
    const gain = group.completions.map(
      ({ advantage }, i) => advantage * ((sums[3]?.[i] ?? 0) - (sums[0]?.[i] ?? 0)),
    );
    expect(gain.reduce((sum, value) => sum + value, 0)).toBeGreaterThan(0);
    expect(await operations.sample(KEY, GROUP)).toEqual(before);
  });
});

it('errors come through a worker with their advice', () => {
  const error = new MathformerError('no room', { code: 'QUOTA', where: 'store', fix: 'delete a run' });
  expect(errorFrom(structuredClone(failureFrom(error)))).toMatchObject({
    ...{ message: 'no room; delete a run', code: 'QUOTA', where: 'store', fix: 'delete a run' },
  });
  expect(errorFrom(structuredClone(failureFrom(new TypeError('odd'))))).toMatchObject({ message: 'odd' });
});
