import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { layerOrder } from '../../../app/layerOrder.ts';

let outDir: string;
beforeAll(async () => {
  outDir = await mkdtemp(join(tmpdir(), 'mathformer-layers-'));
});
afterAll(() => rm(outDir, { recursive: true }));

it('every style sheet names the order of the layers first: any may be the first that the browser reads', async () => {
  const built = await build({ configFile: 'app/vite.config.ts', logLevel: 'error', build: { outDir } });
  if (!('output' in built)) throw new Error('one build has one output');
  const sheets = built.output.filter(({ fileName }) => fileName.endsWith('.css'));
  expect(sheets.length).toBeGreaterThan(3);
  const late = sheets.filter(
    (file) => file.type === 'asset' && !String(file.source).startsWith(layerOrder()),
  );
  expect(late.map(({ fileName }) => fileName)).toEqual([]);
});
