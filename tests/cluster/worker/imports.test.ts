/** The modules that a worker loads: no task, no trainer, no run, and in a browser nothing of Node. */
import { build, type Plugin } from 'esbuild';
import { expect, it } from 'vitest';

/** Leave modules out, with all that they import. */
const without = (filter: RegExp): Plugin => ({
  name: 'without',
  setup(bundler) {
    bundler.onResolve({ filter }, ({ path }) => ({ path, external: true }));
  },
});

/** List the sources that a module loads, with what they load. */
async function loaded(entry: string, plugins: Plugin[] = []): Promise<string[]> {
  const { metafile } = await build({
    ...{ entryPoints: [entry], bundle: true, platform: 'node', packages: 'external', format: 'esm' },
    ...{ write: false, metafile: true, treeShaking: false, logLevel: 'silent', plugins },
  });
  return Object.keys(metafile.inputs);
}

const OTHER_ROOMS = /^src\/(tasks|grpo|pretrain|training|runs|dashboard|cli)\//;

it.each(['src/cluster/worker/deviceWorker.ts', 'src/cluster/index.node.ts'])(
  '%s loads the engine and the model alone',
  async (entry) => {
    const sources = await loaded(entry);
    expect(sources).toContain('src/cluster/worker/worker.ts');
    expect(sources).toContain('src/model/sampler.ts');
    expect(sources.filter((source) => OTHER_ROOMS.test(source))).toEqual([]);
  },
);

it('the command loads no task, trainer or run either, besides the words of errors of command lines', async () => {
  const sources = await loaded('src/cli/commands/worker.ts', [without(/\/(failure|flags\/flags)\.ts$/)]);
  expect(
    sources.filter((source) => OTHER_ROOMS.test(source) && !source.startsWith('src/cli/')).sort(),
  ).toEqual(['src/runs/provenance.ts', 'src/training/outputOptions.ts']);
});

it('bundles for browsers with nothing of Node', async () => {
  // esbuild refuses an import of a Node module on this platform.
  const { outputFiles, metafile } = await build({
    ...{ entryPoints: ['src/cluster/index.browser.ts'], bundle: true, platform: 'browser', format: 'esm' },
    ...{ write: false, metafile: true, logLevel: 'silent' },
  });
  const [output] = Object.values(metafile.outputs);
  expect(output?.exports).toEqual(expect.arrayContaining(['connect', 'deviceWorker', 'RolloutWorker']));
  expect(outputFiles[0]?.text).not.toMatch(/["']node:/);
  const inputs = Object.keys(metafile.inputs);
  expect(inputs.filter((path) => /transport-node|src\/cluster\/node|src\/gpu\/node/.test(path))).toEqual([]);
});
