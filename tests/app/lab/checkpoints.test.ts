/** The bundled checkpoints are what their command makes, bit for bit, on any machine. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CHECKPOINT_NAMES, madeCheckpoint } from '../../../app/checkpoints.ts';
import { PRESETS } from '../../../app/src/lab/presets.ts';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const bundled = (name: string): Uint8Array => readFileSync(`app/public/checkpoints/${name}.safetensors`);

it('are those of the presets, and small', () => {
  const files = PRESETS.flatMap(({ start }) => (start.from === 'bundled' ? start.file : []));
  expect(files).toEqual(CHECKPOINT_NAMES.map((name) => `${name}.safetensors`));
  for (const name of CHECKPOINT_NAMES) expect(bundled(name).length).toBeLessThan(150_000);
});

it.each(CHECKPOINT_NAMES)('%s', { timeout: 600_000 }, async (name) => {
  expect(digest(await madeCheckpoint(name))).toBe(digest(bundled(name)));
});
