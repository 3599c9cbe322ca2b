/** The profile of a device: a trace of its own dispatches. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { reportProfile } from '../../src/cli/profile.ts';
import { add, Tensor } from '../../src/tensor/index.ts';
import { openDevice } from '../device.ts';

test('a device’s own profile, without what measuring the peaks launches', async () => {
  const device = await openDevice({ profile: true });
  await add(Tensor.from(device, [1, 2]), 1).data();
  const path = join(mkdtempSync(join(tmpdir(), 'profile-')), 'trace.json');
  const lines: string[] = [];
  await reportProfile(device, path, (line) => lines.push(line));
  expect(lines.at(-1)).toBe(`Trace of 1 dispatches: ${path}`);
  const { traceEvents } = JSON.parse(readFileSync(path, 'utf8'));
  expect(traceEvents.length).toBe(device.gpu.features.has('timestamp-query') ? 1 : 0);
  device.destroy();
});
