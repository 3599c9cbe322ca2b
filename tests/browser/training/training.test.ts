/** Trainings in a tab on the WebAssembly adapter have the bits of the same trainings in Node, with shared memory and without. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDevice } from '../../../src/index.node.ts';
import { type Digests, trainingDigests } from '../../determinism/training.ts';
import { describeInEach } from '../browsers.ts';
import { bundlePage } from '../bundle.ts';
import { type FileServer, ISOLATION, serve } from '../server.ts';

let expected: Digests;
let directory: string;
let server: FileServer;
beforeAll(async () => {
  const device = await openDevice({ adapter: 'wasm', threads: 2 });
  expected = await trainingDigests(device);
  device.destroy();
  directory = await bundlePage(['tests/browser/training/inPage.ts']);
  server = await serve([
    { path: '/isolated/', directory, headers: ISOLATION },
    { path: '/plain/', directory },
  ]);
});
afterAll(async () => {
  await server?.close();
  if (directory) await rm(directory, { recursive: true });
});

describeInEach((browser) => {
  it.each([
    ['with threads', 'isolated', true],
    ['without shared memory', 'plain', false],
  ] as const)('%s', async (_, path, isolated) => {
    const tab = await browser().newPage();
    await tab.goto(`${server.origin}/${path}/`);
    const module = `/${path}/tests/browser/training/inPage.js`;
    expect(await tab.evaluate(`import('${module}').then(({ run }) => run())`)).toEqual({
      isolated,
      digests: expected,
    });
  });
});
