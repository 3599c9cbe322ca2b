/** The published package: packed, installed in an empty project, run, type-checked and bundled there. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = createRequire(import.meta.url).resolve('typescript/bin/tsc');

interface Manifest {
  readonly exports: Readonly<Record<string, unknown>>;
}
const manifest: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** `mathformer`, `mathformer/tensor`, …: every path that exports code. */
const ENTRIES = Object.keys(manifest.exports)
  .filter((path) => path !== './package.json')
  .map((path) => path.replace(/^\./, 'mathformer'));

/** Its processes are Node's: a bundle for browsers is refused. */

let project: string;
let packed: {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
};

/** Run a program to its end, and return its stdout. */
function run(cwd: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw error ?? new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}

const inProject = (program: string, ...args: string[]): string => run(project, program, ...args);

/** The versions that this repository is tested with, so that a new release elsewhere cannot fail the test. */
function lockedVersions(): Record<string, string> {
  const { packages }: { packages: Record<string, { version: string; dev?: true; optional?: true }> } =
    JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  return Object.fromEntries(
    Object.entries(packages)
      .filter(
        ([path, { dev, optional }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev && !optional,
      )
      .map(([path, { version }]) => [path.slice('node_modules/'.length), version]),
  );
}

beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'mathformer-consumer-'));
  run(ROOT, 'npm', 'run', 'build');
  [packed] = JSON.parse(
    run(ROOT, 'npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', project),
  );
  const own = { private: true, type: 'module', overrides: lockedVersions() };
  writeFileSync(join(project, 'package.json'), JSON.stringify(own));
  cpSync(join(ROOT, 'tests/package/consumer'), project, { recursive: true });
  const quick = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  inProject('npm', 'install', ...quick, `./${packed.filename}`);
});

afterAll(() => rmSync(project, { recursive: true, force: true }));

it('holds the compiled code with its types and maps, the built app, and nothing else', () => {
  const paths = packed.files.map(({ path }) => path);
  const compiled = /^dist\/(?!app\/|report\/).*(\.js|\.js\.map|\.d\.ts)$/;
  const app = /^dist\/(app\/.*\.(html|js|css|svg|png|safetensors|webmanifest)|report\/index\.html)$/;
  const rest = paths.filter((path) => !compiled.test(path) && !app.test(path));
  expect(rest.sort()).toEqual(['LICENSE', 'README.md', 'package.json']);
  expect(paths).toContain('dist/tensor/index.d.ts');
  expect(paths).toContain('dist/app/index.html');
  expect(paths).toContain('dist/report/index.html');
  // In bytes, as it is downloaded: the app is a third of it.
  expect(packed.size).toBeLessThan(5_000_000);
});

it.each(['auto', 'wasm'])('trains in plain Node on the adapter %s', (adapter) => {
  const program = [
    '--import',
    `data:text/javascript,process.env.MATHFORMER_ADAPTER='${adapter}'`,
    'train.js',
  ];
  const losses: number[] = JSON.parse(inProject(process.execPath, ...program));
  expect(losses).toHaveLength(5);
  expect(losses).toEqual(losses.toSorted((a, b) => b - a));
  expect(losses.at(-1)).toBeLessThan((losses[0] ?? 0) / 2);
});

it('does what the README says', () => {
  const [, example = ''] = /```ts\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? [];
  writeFileSync(join(project, 'readme.ts'), example);
  const weights = inProject('node_modules/.bin/tsx', 'readme.ts')
    .match(/\d\.\d+/g)
    ?.map(Number);
  expect(weights).toHaveLength(4);
  // 1 + 2 + 3 + 4 = 10 and 1 + 1 = 2: from zeros the gradients lead to ones.
  for (const weight of weights ?? []) expect(weight).toBeCloseTo(1, 2);
});

it('has entries that load, and commands that run', () => {
  const load = `for (const path of ${JSON.stringify(ENTRIES)}) console.log(typeof await import(path));`;
  expect(inProject(process.execPath, '--input-type=module', '--eval', load)).toBe(
    'object\n'.repeat(ENTRIES.length),
  );
  expect(inProject('node_modules/.bin/mathformer-train', '--help')).toContain('Usage: train');
  expect(JSON.parse(inProject('node_modules/.bin/mathformer-doctor', '--json'))).toMatchObject({
    usable: true,
  });
});

describe('the dashboard', () => {
  const config = JSON.stringify({ kind: 'grpo', options: { seed: 0, task: 'sorting' } });

  it('serves the built app and runs', async () => {
    mkdirSync(join(project, 'runs/a'), { recursive: true });
    writeFileSync(join(project, 'runs/a/config.json'), config);
    writeFileSync(join(project, 'runs/a/metrics.jsonl'), '');
    const command = [
      join(project, 'node_modules/.bin/mathformer'),
      'dashboard',
      'runs',
      '--port',
      '0',
      '--no-open',
    ];
    const child = spawn(process.execPath, command, { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let said = '';
      for await (const text of child.stdout.setEncoding('utf8')) {
        said += text;
        if (/http:\/\/127\.0\.0\.1:\d+\//.test(said)) break;
      }
      const [address = ''] = /http:\/\/127\.0\.0\.1:\d+\//.exec(said) ?? [];
      const page = await (await fetch(address)).text();
      const [, script = ''] = /src="\.\/(assets\/[\w.-]+\.js)"/.exec(page) ?? [];
      expect((await fetch(address + script)).headers.get('content-type')).toContain('javascript');
      expect(await (await fetch(`${address}api/runs`)).json()).toMatchObject({
        runs: [{ id: 'a', state: 'stopped' }],
      });
    } finally {
      child.kill();
    }
  });

  it('writes reports', () => {
    inProject('node_modules/.bin/mathformer', 'report', 'runs', '--out', 'report.html');
    expect(readFileSync(join(project, 'report.html'), 'utf8')).toContain('"task":"sorting"');
  });
});

describe('modules of TypeScript', () => {
  /** Return the README's example of a task. */
  const example = () => readFileSync(join(ROOT, 'examples/reverse.ts'), 'utf8');
  const train = (cwd: string, ...args: string[]) =>
    run(cwd, join(project, 'node_modules/.bin/mathformer-train'), ...args);
  const small = ['--letters', '3', '--eval_size', '4', '--batch_size', '4', '--quiet'];

  it('are taken as tasks and rewards, and found again from another directory', () => {
    writeFileSync(join(project, 'reverse.ts'), example());
    // No package.json says that what lies here are ES modules, as after npm init.
    mkdirSync(join(project, 'plain'));
    writeFileSync(join(project, 'plain/package.json'), '{}');
    writeFileSync(
      join(project, 'plain/myReward.ts'),
      `import type { RewardedCompletion } from 'mathformer/grpo';
       enum Worth { Letter = 0.01 }
       export default (_: unknown, { text }: RewardedCompletion): number => Worth.Letter * text.length;`,
    );
    const base = ['--modelsize', 'tiny', '--steps', '1', '--num_examples', '8', '--out', 'base'];
    train(project, 'pretrain', '--task', './reverse.ts', ...base, ...small);
    const improved = [
      '--steps',
      '1',
      '--max_gen_len',
      '8',
      '--reward',
      './plain/myReward.ts:0.5',
      '--out',
      'better',
    ];
    train(project, 'grpo', '--checkpoint', 'base', '--task', './reverse.ts', ...improved, ...small);
    const resumed = train(tmpdir(), 'resume', join(project, 'better'), '--steps', '2', '--trust');
    expect(resumed).toMatch(/^Going on from rl_model_step1 /m);
    const rows = readFileSync(join(project, 'better/metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row)['rewards/myReward/mean'])).toEqual([
      expect.any(Number),
      expect.any(Number),
    ]);
  });

  it('check against the types of the package', () => {
    const compilerOptions = { target: 'es2023', strict: true, noEmit: true, types: [] };
    const resolution = { moduleResolution: 'nodenext', module: 'nodenext', skipLibCheck: true };
    const config = { compilerOptions: { ...compilerOptions, ...resolution }, files: ['reverse.ts'] };
    writeFileSync(join(project, 'tsconfig.own.json'), JSON.stringify(config));
    expect(inProject(process.execPath, TSC, '-p', 'tsconfig.own.json')).toBe('');
  });
});

describe('its types', () => {
  it.each([
    // Checking the declarations of libraries as well takes seconds, so once is enough.
    { moduleResolution: 'nodenext', module: 'nodenext', skipLibCheck: false },
    { moduleResolution: 'bundler', module: 'esnext', skipLibCheck: true },
  ])('check with moduleResolution $moduleResolution', (resolution) => {
    const compilerOptions = { target: 'es2022', strict: true, noEmit: true, types: [], ...resolution };
    const config = { compilerOptions, files: ['types.ts'] };
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(config));
    expect(inProject(process.execPath, TSC, '-p', '.')).toBe('');
  });
});

describe('in a browser', () => {
  // esbuild refuses an import of a Node module on this platform.
  const bundled = (entry: string) =>
    build({
      stdin: { contents: `export * from '${entry}';`, resolveDir: project },
      bundle: true,
      platform: 'browser',
      format: 'esm',
      write: false,
      metafile: true,
      logLevel: 'silent',
    });

  it.each(ENTRIES)('%s needs nothing of Node', async (entry) => {
    const { outputFiles, metafile } = await bundled(entry);
    expect(outputFiles[0]?.text).not.toMatch(/["']node:/);
    const inputs = Object.keys(metafile.inputs).filter((path) => path.includes('mathformer/dist'));
    expect(inputs.length).toBeGreaterThan(1);
    expect(inputs.filter((path) => /gpu\/node|index\.node|dist\/(runs|dashboard|cli)\//.test(path))).toEqual(
      [],
    );
  });
});
