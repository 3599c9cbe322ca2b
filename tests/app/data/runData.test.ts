import type { ListedFile, RunFiles, RunListing } from 'mathformer/training';
import { describe, expect, it } from 'vitest';
import { RunData } from '../../../app/src/data/runData.ts';
import type { RunChange, RunSource } from '../../../app/src/data/source.ts';

const row = (step: number, more: object = {}): string =>
  `${JSON.stringify({ phase: 'grpo', step, reward: step / 10, entropy: 1, ...more })}\n`;

/** A source of one run, whose files and changes the test gives. */
class FakeSource implements RunSource {
  readonly name = 'fake';
  readonly files = new Map<string, Uint8Array>();
  readonly reads: string[] = [];
  readonly cursors: number[] = [];
  subscriptions = 0;
  fault: Error | undefined;
  delay: Promise<void> = Promise.resolve();
  listener: (change: RunChange) => void = () => {};

  write(name: string, text: string): void {
    this.files.set(name, new TextEncoder().encode(text));
  }

  send(change: RunChange): void {
    this.listener(change);
  }

  async list(): Promise<readonly RunListing[]> {
    return [listing];
  }

  open(): RunFiles {
    return {
      list: async () => [...this.files].map(([name, bytes]) => listed(name, bytes.length)),
      read: async (name, from = 0) => {
        this.reads.push(`${name}@${from}`);
        if (this.fault) throw this.fault;
        await this.delay;
        return this.files.get(name)?.subarray(from);
      },
    };
  }

  subscribe(_: string, cursor: number, on: (change: RunChange) => void): () => void {
    this.cursors.push(cursor);
    this.subscriptions++;
    this.listener = on;
    return () => {
      this.subscriptions--;
    };
  }

  watch(): () => void {
    return () => {};
  }

  connection(): () => void {
    return () => {};
  }
}

const listing: RunListing = {
  id: 'a',
  state: 'training',
  problem: null,
  kind: 'grpo',
  task: 'arithmetic',
  startedAt: null,
  modified: 0,
  step: 2,
  steps: 9,
  phase: 'grpo',
  parameters: null,
  model: null,
  adapter: null,
  seed: 0,
  baseline: null,
  final: null,
  improvement: null,
  reward: null,
  options: {},
};

const listed = (name: string, bytes: number): ListedFile => ({ name, bytes, modified: 0 });
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
const append = (from: number, text: string): RunChange => ({
  type: 'append',
  file: 'metrics.jsonl',
  from,
  bytes: new TextEncoder().encode(text),
});

function opened() {
  const source = new FakeSource();
  source.write('metrics.jsonl', row(1) + row(2));
  const run = new RunData({ source: 'server', id: 'a' }, source);
  const rewards = (): readonly number[] => [...(run.metrics.value.phases.get('grpo')?.get('reward') ?? [])];
  return { source, run, rewards };
}

describe('RunData', () => {
  it('reads nothing before it is followed', async () => {
    const { source, run } = opened();
    await settled();
    expect(source.reads).toEqual([]);
    expect(run.metrics.value.complete).toBe(false);
  });

  it('reads the rows, then follows from their end', async () => {
    const { source, run, rewards } = opened();
    run.follow();
    await settled();
    expect(rewards()).toEqual([0.1, 0.2]);
    expect(run.metrics.value.complete).toBe(true);
    expect(run.listing.value).toEqual(listing);
    const length = (row(1) + row(2)).length;
    expect(source.cursors).toEqual([length]);
    source.send(append(length, row(3)));
    expect(rewards()).toEqual([0.1, 0.2, 0.3]);
  });

  it('takes no byte twice', async () => {
    const { source, run, rewards } = opened();
    run.follow();
    await settled();
    source.send(append(0, row(1) + row(2) + row(3)));
    expect(rewards()).toEqual([0.1, 0.2, 0.3]);
  });

  it('goes on where it was when it is followed again, and ends with its last user', async () => {
    const { source, run, rewards } = opened();
    const [first, second] = [run.follow(), run.follow()];
    await settled();
    first();
    first();
    expect(source.subscriptions).toBe(1);
    second();
    expect(source.subscriptions).toBe(0);
    source.write('metrics.jsonl', row(1) + row(2) + row(3));
    run.follow();
    await settled();
    expect(rewards()).toEqual([0.1, 0.2, 0.3]);
    expect(source.reads.filter((read) => read === 'metrics.jsonl@0')).toHaveLength(1);
  });

  it('reads in one turn, however often it is closed and opened', async () => {
    const { source, run, rewards } = opened();
    for (let i = 0; i < 5; i++) run.follow()();
    run.follow();
    await settled();
    expect(rewards()).toEqual([0.1, 0.2]);
    expect(source.subscriptions).toBe(1);
  });

  it('begins again when rows were cut', async () => {
    const { source, run, rewards } = opened();
    run.follow();
    await settled();
    source.write('metrics.jsonl', row(1));
    source.send({ type: 'cut', file: 'metrics.jsonl' });
    await settled();
    expect(rewards()).toEqual([0.1]);
    expect(source.subscriptions).toBe(1);
  });

  it('takes no row twice from a subscription that tells late', async () => {
    const { source, run, rewards } = opened();
    run.follow();
    await settled();
    const late = source.listener;
    source.write('metrics.jsonl', row(7));
    source.delay = settled();
    late({ type: 'cut', file: 'metrics.jsonl' });
    await Promise.resolve();
    late(append(0, row(7)));
    await settled();
    await settled();
    expect(rewards()).toEqual([0.7]);
  });

  it('reads a run again that was cut and grew while nobody followed it', async () => {
    const { source, run, rewards } = opened();
    const end = run.follow();
    await settled();
    end();
    source.write('metrics.jsonl', row(5) + row(6) + row(7) + row(8));
    run.follow();
    await settled();
    expect(rewards()).toEqual([0.5, 0.6, 0.7, 0.8]);
  });

  it('forgets a fault once the run can be read', async () => {
    const { source, run, rewards } = opened();
    source.fault = new Error('no answer');
    const end = run.follow();
    await settled();
    expect(run.failure.value).toBe(source.fault);
    end();
    source.fault = undefined;
    run.follow();
    await settled();
    expect(run.failure.value).toBeUndefined();
    expect(rewards()).toEqual([0.1, 0.2]);
  });

  it('warns as the training did', async () => {
    const { source, run } = opened();
    source.write('metrics.jsonl', row(1) + row(2, { entropy: 0.01 }) + row(3, { kl: 2, entropy: null }));
    run.follow();
    await settled();
    expect(run.warnings.value.map(({ step, name }) => [step, name])).toEqual([
      [2, 'entropy collapse'],
      [3, 'kl'],
    ]);
  });

  it('reads files when they are asked for, and again when they changed', async () => {
    const { source, run } = opened();
    source.write('config.json', JSON.stringify({ kind: 'grpo', options: { seed: 1 } }));
    run.follow();
    await settled();
    expect(source.reads).not.toContain('config.json@0');
    expect(run.config.value).toEqual({ state: 'loading' });
    await settled();
    expect(run.config.ready?.options).toEqual({ seed: 1 });
    source.write('config.json', JSON.stringify({ kind: 'grpo', options: { seed: 2 } }));
    source.send({ type: 'files', files: [listed('config.json', 1)] });
    await settled();
    expect(run.config.ready?.options).toEqual({ seed: 2 });
  });

  it.each(['[]', 'null', '\u0000', '{"kind":"teleport","options":{}}'])(
    'says what is wrong with the config %j',
    async (text) => {
      const { source, run } = opened();
      source.write('config.json', text);
      expect(run.config.value).toEqual({ state: 'loading' });
      await settled();
      const state = run.config.value;
      expect(state.state).toBe('failed');
      expect(state.state === 'failed' && String(state.error)).toMatch(
        /config\.json is .*\. (Put a copy|Open it with) .*\.$/,
      );
    },
  );

  it('knows the traces and the kept evaluations by the names of the files', async () => {
    const { source, run } = opened();
    for (const name of ['trace/step20.safetensors', 'trace/step3.safetensors', 'trace/other'])
      source.write(name, '');
    for (const name of ['final', 'eval_step20', 'baseline', 'eval_step3'])
      source.write(`${name}_completions.jsonl`, '');
    run.follow();
    void run.files.value;
    await settled();
    expect(run.traceSteps.value).toEqual([3, 20]);
    expect(run.evaluations.value.map(({ name }) => name)).toEqual([
      'baseline',
      'eval_step3',
      'eval_step20',
      'final',
    ]);
  });

  it('says that a run is not there, and that a trace cannot be read', async () => {
    const { source } = opened();
    const run = new RunData({ source: 'server', id: 'b' }, source);
    run.follow();
    await settled();
    expect(run.failure.value).toMatchObject({ message: 'there is no run b; choose one of the list' });
    await expect(run.trace(5)).rejects.toThrow('step 5 has no trace');
  });
});
