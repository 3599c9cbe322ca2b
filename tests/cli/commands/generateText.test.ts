/** A real llama tells its story on the command line, with the tokenizer of its directory. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { writeHuggingFace } from '../../../src/formats/huggingFace/index.ts';
import { sorting } from '../../../src/tasks/sorting.ts';
import { randomCheckpoint } from '../../model/referenceModels.ts';
import { hasStories, STORIES } from '../../model/stories.ts';
import { run } from '../inProcess.ts';

describe.skipIf(!hasStories)('generate with a directory from elsewhere', () => {
  it('continues a text', async () => {
    const words = ['Once upon a time', '--temperature', '0', '--max_gen_len', '40'];
    const { code, stdout } = await run('generate', STORIES, ...words);
    expect(code).toBe(0);
    expect(stdout).toContain(
      'Once upon a time, there was a little girl named Lily. She loved to play outside in the park.',
    );
  });

  it('is asked a task only where its vocabulary is that of the task', async () => {
    const { code, stderr } = await run('generate', STORIES, '1+2', '--task', 'arithmetic');
    expect(code).toBe(2);
    expect(stderr).toMatch(/its vocabulary has 512 tokens, the task's has 57/);
  });
});

test('a directory with another vocabulary and no tokenizer is told which file it lacks', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mathformer-texts-'));
  const sort = sorting();
  const { vocabSize } = sort.tokenizer;
  const random = { ...randomCheckpoint({ shape: 'llama', vocabSize }), metadata: new Map() };
  for (const [name, content] of writeHuggingFace(random, sort)) {
    if (name !== 'tokenizer.json') writeFileSync(join(directory, name), content);
  }
  const { code, stderr } = await run('generate', directory, '3 1 2');
  rmSync(directory, { recursive: true });
  expect(code).toBe(1);
  expect(stderr).toMatch(/tokenizer\.json: there is no such file, to read texts.*copy it/);
});
