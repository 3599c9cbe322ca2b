import { describe, expect, it } from 'vitest';
import type { DroppedFile } from '../../../app/src/data/droppedFiles.ts';
import { droppedSource, runsAmong } from '../../../app/src/data/droppedSource.ts';

const CONFIG = JSON.stringify({ kind: 'grpo', options: { seed: 3 }, startedAt: '2026-01-01T00:00:00.000Z' });
const file = (path: string, text = '', lastModified = 1): DroppedFile => ({
  path,
  file: async () => new File([text], path, { lastModified }),
});

const FILES = [
  file('runs/a/config.json', CONFIG),
  file('runs/a/metrics.jsonl', '{"phase":"grpo","step":4,"reward":0.5}\n', 5),
  file('runs/a/trace/step4.safetensors', 'abc'),
  file('runs/b/deep/config.json', CONFIG),
  file('runs/b/deep/metrics.jsonl', '{"phase":"grpo","step":7,"reward":1}\n', 9),
  file('runs/notes.txt'),
];

describe('runs of a dropped directory', () => {
  it('are the directories with a config, and have the files below them', () => {
    const runs = runsAmong(FILES);
    expect([...runs.keys()]).toEqual(['runs/a', 'runs/b/deep']);
    expect([...(runs.get('runs/a')?.keys() ?? [])]).toEqual([
      'config.json',
      'metrics.jsonl',
      'trace/step4.safetensors',
    ]);
  });

  it('give a file to the innermost run', () => {
    const runs = runsAmong([file('a/config.json'), file('a/b/config.json'), file('a/b/x'), file('a/x')]);
    expect([...(runs.get('a/b')?.keys() ?? [])]).toEqual(['config.json', 'x']);
    expect([...(runs.get('a')?.keys() ?? [])]).toEqual(['config.json', 'x']);
  });

  it('are listed, the latest first, and read from an offset', async () => {
    const source = droppedSource(FILES);
    const runs = (await source?.list()) ?? [];
    expect(runs.map(({ id, step, seed, state }) => [id, step, seed, state])).toEqual([
      ['runs/b/deep', 7, 3, 'stopped'],
      ['runs/a', 4, 3, 'stopped'],
    ]);
    const files = source?.open('runs/a');
    expect(await files?.list()).toContainEqual({ name: 'trace/step4.safetensors', bytes: 3, modified: 1 });
    expect(await files?.read('trace/step4.safetensors', 1)).toEqual(new TextEncoder().encode('bc'));
    expect(await files?.read('nothing')).toBeUndefined();
    expect(source?.name).toBe('runs');
  });

  it('are no source without a config', () => {
    expect(droppedSource([file('runs/notes.txt'), file('config.json')])).toBeUndefined();
  });
});
