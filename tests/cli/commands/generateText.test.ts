/** A real llama tells its story on the command line, with the tokenizer of its directory. */
import { describe, expect, it } from 'vitest';
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
