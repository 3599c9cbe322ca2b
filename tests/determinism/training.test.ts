/**
 * The WebAssembly adapter gives the same bits everywhere: with any number of threads, in other versions of Node, and in pages
 * (tests/browser). After a deliberate change of results, `npx vitest run tests/determinism -u` writes the new digests.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDevice } from '../../src/index.node.ts';
import { type Digests, trainingDigests } from './training.ts';

const run = promisify(execFile);

async function digests(threads: number): Promise<Digests> {
  const device = await openDevice({ adapter: 'wasm', threads });
  const found = await trainingDigests(device);
  device.destroy();
  return found;
}

let expected: Digests;
beforeAll(async () => {
  expected = await digests(1);
});

it('are the digests of every machine', () => {
  expect(expected).toMatchInlineSnapshot(`
    {
      "GRPO": "0604a6cd4ffac0b9f099f57e2cfaebb66df5a5f0c4d38abf9dba3df4f695f921",
      "both, of a llama": "3ca8fd9fbc423b1c266474f24daba37927464fa9610b6b1d5e1ad38fb7f45901",
      "both, of a mixture of experts": "5e3395f09efd8fb4e0ba98430ee243c4ea661737a7c52523c3fe2c24783cbc3f",
      "pretraining with dropout": "543b195eb91079e1f6f548f8c4f99f4ee65ab654aaf4e843f4e25b31bf796699",
      "pretraining without dropout": "e71b87528290cf1a39d12f8862e7eb562cb23570807fb79d7e3933aba5b87585",
    }
  `);
});

it.each([2, 4])('with %i threads', async (threads) => {
  expect(await digests(threads)).toEqual(expected);
});

describe('in Node', () => {
  let directory: string;
  let script: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'mathformer-determinism-'));
    script = join(directory, 'trainings.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'inNode.ts')],
      outfile: script,
      ...{
        bundle: true,
        minify: true,
        platform: 'node',
        format: 'esm',
        target: 'es2022',
        logLevel: 'silent',
      },
    });
  });
  afterAll(() => rm(directory, { recursive: true }));

  it('of this version, bundled and minified', async () => {
    const { stdout } = await run(process.execPath, [script]);
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  it.for([20, 24])('%i', async (version, { skip }) => {
    const npx = (...args: readonly string[]) => run('npx', ['-y', '-p', `node@${version}`, 'node', ...args]);
    const found = await npx('--version').catch(() => undefined);
    skip(!found, `npm did not bring Node ${version}`);
    const { stdout } = await npx(script);
    expect(JSON.parse(stdout)).toEqual(expected);
  });
});
