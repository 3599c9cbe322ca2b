/** The short form of `npm run crash`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killWhileSaving, runAndKill, runWithKills, tracesOf } from './kill.ts';
import { TRAININGS } from './trainings.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-crash-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

test.each(Object.keys(TRAININGS))('%s, killed and gone on with, ends as the unbroken run', async (name) => {
  const args = TRAININGS[name]?.(12) ?? [];
  const [whole, out] = [join(directory, `${name}-whole`), join(directory, `${name}-killed`)];
  const unbroken = await runAndKill('src/cli/train.ts', [...args, '--out', whole], {
    milliseconds: Number.POSITIVE_INFINITY,
  });
  expect(unbroken.code, unbroken.output).toBe(0);
  await runWithKills(args, { out, kills: 2, seconds: 5, seed: 1 });
  const traces = tracesOf(out);
  expect(traces.steps).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(traces).toEqual(tracesOf(whole));
  if (name.startsWith('grpo')) expect(traces.events).toEqual(traces.steps);
});

test('a process killed while it saves leaves no torn checkpoint and loses none', async () => {
  const report = await killWhileSaving(join(directory, 'saving'), 5, 1);
  expect(report).toMatchObject({ kills: 5, torn: 0, lost: 0 });
  expect(report.acknowledged).toBeGreaterThanOrEqual(5);
});
