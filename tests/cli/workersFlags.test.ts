/** The flags of work with other machines, and the words for what happens to them. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { withoutWorkers, workersFields, workersOptions } from '../../src/cli/flags/workersFlags.ts';
import { WorkersTerminal } from '../../src/cli/workersTerminal.ts';
import type { WorkerCard } from '../../src/cluster/protocol/messages.ts';
import type { ClusterEvent } from '../../src/cluster/trainer/events.ts';
import { run } from './inProcess.ts';

const flagsOf = (given: object) => z.strictObject(workersFields).parse(given);
const TINY = ['--checkpoint', 'tests/fixtures/checkpoints/tiny.safetensors'];

describe('the flags of workers', () => {
  test.each(['nats', 'localhost:4222', 'http://host:1', 'nats://user:secret@host:4222', 'nats://host:99999'])(
    'refuse the address %s as a mistake of the command line',
    async (url) => {
      const { code, stderr } = await run('train', 'grpo', ...TINY, '--workers', url);
      expect([code, stderr]).toEqual([
        2,
        expect.stringMatching(/^error: --workers cannot be .* — give nats:/),
      ]);
    },
  );

  test('name a run by its directory, always the same', () => {
    const flags = flagsOf({ workers: 'nats://host:4222' });
    const [first, second, other] = ['runs/a', './runs/a/', 'runs/b'].map((path) =>
      workersOptions(flags, path),
    );
    expect(first?.run).toMatch(/^[0-9a-f]{20}$/);
    expect(second?.run).toBe(first?.run);
    expect(other?.run).not.toBe(first?.run);
    expect(workersOptions(flagsOf({}), 'runs/a')).toBeUndefined();
  });

  test('are not recorded, but for workers of any class', () => {
    const given = { lr: 1, ...flagsOf({ workers: 'nats://host:4222', workersCreds: 'a', workersCa: 'b' }) };
    expect(withoutWorkers(given)).toEqual({ lr: 1 });
    expect(withoutWorkers({ ...given, workersMode: 'any' })).toEqual({ lr: 1, workersMode: 'any' });
  });
});

describe('the words for workers', () => {
  const card: WorkerCard = {
    ...{ protocol: 1, key: 'open', instance: 'i', name: 'evil\u001b[2J\n', version: '1', class: 'c' },
    ...{ adapter: 'GPU', platform: 'linux', tokensPerSecond: 0, items: 0, run: null },
  };
  function told(events: readonly ClusterEvent[]): string[] {
    const lines: string[] = [];
    const line = (text: string) => void lines.push(text);
    const terminal = new WorkersTerminal({ line, note: line });
    for (const event of events) terminal.hear(event);
    return lines;
  }

  test('show names of other machines as text', () => {
    const refusal = { reason: 'class', problem: 'it is another one', fix: 'take any' } as const;
    const lines = told([
      { type: 'joined', worker: 'i', card },
      { type: 'refused', worker: 'i', card, refusal },
      { type: 'left', worker: 'i', card },
      { type: 'alone', problem: 'the server is away', fix: 'start it' },
      { type: 'back' },
    ]);
    expect(lines).toEqual([
      'Worker evil\\u001b[2J\\u000a (i) joined (GPU; linux)',
      'warning: worker evil\\u001b[2J\\u000a (i) is refused: it is another one — take any',
      'Worker evil\\u001b[2J\\u000a (i) left',
      'warning: the server is away; training goes on without workers — start it',
      'The server of workers is back',
    ]);
  });

  test('do not repeat results that are not taken without end', () => {
    const lines = told(Array.from({ length: 100 }, () => ({ type: 'rejected', worker: 'i', problem: 'p' })));
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toContain('counted');
  });
});
