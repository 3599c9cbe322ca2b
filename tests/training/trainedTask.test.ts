/** The task that a checkpoint names. */
import { expect, it } from 'vitest';
import { settingsEntry } from '../../src/training/trainedSettings.ts';
import { trainedTask } from '../../src/training/trainedTask.ts';

const checkpoint = (settings: Parameters<typeof settingsEntry>[0] | undefined, vocabSize = 57) => ({
  config: { vocabSize },
  metadata: new Map(settings && [settingsEntry(settings)]),
});

it('is built in, with the options that it was trained with', async () => {
  const task = await trainedTask(
    checkpoint({ task: 'arithmetic', maxDigits: 1, maxDepth: 1, operators: ['+'] }),
  );
  expect([task.name, task.levels]).toEqual(['arithmetic', ['digits_1_depth_1']]);
});

it('is arithmetic in a checkpoint that names none', async () => {
  expect((await trainedTask(checkpoint(undefined))).name).toBe('arithmetic');
});

it('is refused if it is a module, or of another vocabulary', async () => {
  await expect(trainedTask(checkpoint({ task: './mine.ts' }))).rejects.toThrow(
    'the task of the model, "./mine.ts", is not built in; give a model of arithmetic, sort, countdown',
  );
  await expect(trainedTask(checkpoint({ task: 'sort' }, 56))).rejects.toMatchObject({
    code: 'WRONG_VOCABULARY',
  });
});
