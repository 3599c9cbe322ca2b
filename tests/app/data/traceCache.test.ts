import { traceFile, writeTrace } from 'mathformer/training';
import { expect, it } from 'vitest';
import { TraceCache } from '../../../app/src/data/traceCache.ts';
import { traceOf } from '../run/traces.ts';

it('keeps the traces that were used last, and no more', async () => {
  const reads: string[] = [];
  const cache = new TraceCache(async (name) => {
    reads.push(name);
    return writeTrace(traceOf());
  });
  for (let step = 1; step <= 40; step++) {
    await cache.get(step);
    await cache.get(1);
  }
  expect(reads).toHaveLength(40);
  await cache.get(40);
  expect(reads).toHaveLength(40);
  await cache.get(2);
  expect(reads.filter((name) => name === traceFile(2))).toHaveLength(2);
});

it('reads a trace again that has changed, or that could not be read', async () => {
  let bytes: Uint8Array | undefined;
  const cache = new TraceCache(async () => bytes);
  await expect(cache.get(5)).rejects.toThrow('step 5 has no trace');
  bytes = writeTrace(traceOf({ loss: 'grpo' }));
  expect((await cache.get(5)).loss).toBe('grpo');
  bytes = writeTrace(traceOf({ loss: 'dr_grpo' }));
  expect((await cache.get(5)).loss).toBe('grpo');
  cache.forget(5);
  expect((await cache.get(5)).loss).toBe('dr_grpo');
});
