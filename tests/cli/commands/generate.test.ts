/** The requests of `generate` to a model, and its output. The model is a fake. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { newModel } from '../../../src/cli/flags/modelFlags.ts';
import { saveCheckpoint } from '../../../src/runs/checkpointFile.ts';
import { ARITHMETIC } from '../../../src/tasks/arithmetic/task.ts';
import { sorting } from '../../../src/tasks/sorting.ts';
import { settingsEntry, type TrainedSettings } from '../../../src/training/trainedSettings.ts';
import { Sampler, world } from '../fakeMachine.ts';
import { run } from '../inProcess.ts';
// Loaded before the tests, so that mutants of its tables are active in all of them.
import '../../../src/cli/commands/generate.ts';

vi.mock('../../../src/cli/commandMachine.ts', async (original) => {
  const { withMachine } = await import('../fakeMachine.ts');
  return { ...(await original<object>()), withMachine };
});
vi.mock('../../../src/model/transformer.ts', () => import('../fakeMachine.ts'));
vi.mock('../../../src/model/sampler.ts', () => import('../fakeMachine.ts'));

/** Two layers: of the samples of the first expression it gives the first and third correctly. */
const PLAIN = 'tests/fixtures/checkpoints/tiny_easy.pt';

let directory: string;
const file = (name: string) => join(directory, `${name}.safetensors`);
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-generate-'));
  const save = (name: string, settings: TrainedSettings, task = sorting()) =>
    saveCheckpoint(file(name), {
      ...newModel({ modelsize: 'tiny' }, 0, task),
      metadata: new Map([settingsEntry(settings)]),
    });
  save('sort', { task: 'sort' });
  save('strange', {});
  saveCheckpoint(file('named'), {
    ...newModel({ modelsize: 'tiny' }, 0, ARITHMETIC),
    metadata: new Map([settingsEntry({ task: 'sort' })]),
  });
  saveCheckpoint(file('trained'), {
    ...newModel({ modelsize: 'tiny' }, 0, ARITHMETIC),
    metadata: new Map([
      settingsEntry({ task: 'arithmetic', maxDigits: 1, maxNewTokens: 32, temperature: 0.5, topK: 9 }),
    ]),
  });
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  world.reset();
  generate.mockClear();
});
const generate = vi.spyOn(Sampler.prototype, 'generate');
const options = () => generate.mock.calls.at(-1)?.[1];

it('samples four completions of each expression, and judges each', async () => {
  const { code, stdout } = await run('generate', PLAIN, '-1+2', '3-1', '--json', '--seed', '5');
  expect(code).toBe(0);
  const { checkpoint, results, adapter } = JSON.parse(stdout);
  expect([checkpoint, adapter.name]).toEqual([PLAIN, 'paper']);
  expect(results.map(({ expression, answer }: Record<string, string>) => [expression, answer])).toEqual([
    ['-1+2', '1'],
    ['3-1', '2'],
  ]);
  expect(options()).toEqual({
    groupSize: 4,
    maxNewTokens: 256,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 5,
  });
  const verdicts = results.map(({ completions }: { completions: { verdict: string }[] }) =>
    completions.map(({ verdict }) => verdict),
  );
  expect(verdicts).toEqual([
    ['correct', 'no answer', 'correct', 'no answer'],
    ['no answer', 'correct', 'no answer', 'correct'],
  ]);
  expect(results[0].completions[0]).toEqual({
    ...{ completion: '<answer>1<eos>', verdict: 'correct', answer: '1', logProbability: -0.75 },
    tokens: ['<answer>', '1', '<eos>'].map((token) => ({ token, logProbability: -0.25 })),
  });
  expect(results[0].completions[1]).toMatchObject({
    completion: '<eos>',
    answer: null,
    logProbability: -0.25,
  });
  expect(world.opened[0]?.models.map(({ nLayers }) => nLayers)).toEqual([2]);
  expect(world.held.size).toBe(1); // The model, which ends with the device.
});

it('shows every completion with its tokens', async () => {
  const { stdout } = await run('generate', PLAIN, '1+2', '--num_samples', '2');
  expect(stdout.split('\n')).toEqual([
    'Device: paper (a GPU of paper)',
    `Loading checkpoint from ${PLAIN}`,
    expect.stringMatching(/^Model loaded: 2 layers, /),
    '1+2 = 3',
    '  1. correct, log-probability -0.7500: <answer>3<eos>',
    '     <answer> -0.250 | 3 -0.250 | <eos> -0.250',
    '  2. no answer, log-probability -0.2500: <eos>',
    '     <eos> -0.250',
    '',
  ]);
  const quiet = await run('generate', PLAIN, '1+2', '--num_samples', '1', '--quiet');
  expect(quiet.stdout.split('\n')[0]).toBe('1+2 = 3');
});

it.each([
  [['--greedy'], { groupSize: 1, temperature: 0 }],
  [['--temperature', '0'], { groupSize: 1, temperature: 0 }],
  [['--greedy', '--temperature', '2', '--num_samples', '1'], { groupSize: 1, temperature: 0 }],
  [
    ['--temperature', '0.5', '--num_samples', '3', '--top_k', '57'],
    { groupSize: 3, temperature: 0.5, topK: 57 },
  ],
  [
    ['--top_p', '0.5', '--min_p', '0.1', '--max_gen_len', '9'],
    { groupSize: 4, topP: 0.5, minP: 0.1, maxNewTokens: 9 },
  ],
])('with %j draws %j', async (flags, expected) => {
  expect((await run('generate', PLAIN, '1+2', ...flags)).code).toBe(0);
  expect(options()).toMatchObject(expected);
});

it('asks as the model was trained, unless flags say another', async () => {
  const { stdout } = await run('generate', file('trained'), '1+2');
  expect(stdout).toMatch(
    /^As it was trained \(flags win over it\): --max_gen_len 32 --temperature 0\.5 --top_k 9$/m,
  );
  expect(options()).toMatchObject({ maxNewTokens: 32, temperature: 0.5, topK: 9 });
  await run('generate', file('trained'), '1+2', '--temperature', '2');
  expect(options()).toMatchObject({ maxNewTokens: 32, temperature: 2 });
  expect((await run('generate', PLAIN, '1+2')).stdout).not.toContain('As it was trained');
});

it.each([
  [
    ['--greedy', '--num_samples', '2'],
    /2 greedy completions .* equal — leave out --num_samples, or sample with/,
  ],
  [['--temperature', '0', '--num_samples', '2'], /2 greedy completions .* equal — /],
  [
    ['--temperature', '1e-7'],
    /--temperature cannot be 1e-7 — give 0 \(greedy\) or a number from 0\.000001 to 100/,
  ],
  [['--top_k', '58'], /--top_k cannot be 58/],
])('refuses %j', async (flags, message) => {
  const { code, stderr } = await run('generate', PLAIN, '1+2', ...flags);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect(world.opened).toEqual([]);
});

it('asks problems of the task that the model was trained on', async () => {
  const { code, stdout } = await run('generate', file('sort'), '4 1 3', 'sort 2 1 =', '--json');
  expect(code).toBe(0);
  const { results } = JSON.parse(stdout);
  expect(results).toMatchObject([
    { expression: 'sort 4 1 3 =', answer: '1 3 4' },
    { expression: 'sort 2 1 =', answer: '1 2' },
  ]);
  expect(results[0].completions[0]).toMatchObject({ verdict: 'no answer', completion: '<eos>' });
  const shown = (await run('generate', file('sort'), '4 1 3')).stdout;
  expect(shown).toMatch(/^sort 4 1 3 = 1 3 4\n {2}1\. no answer, log-probability /m);
});

it.each([
  ['named', /its vocabulary has 57 tokens, the task's has 14 — .* another --task/],
  ['strange', /its vocabulary has 14 tokens, the task's has 57 — .* another --task/],
])('asks no problem of a model of another task: %s', async (name, message) => {
  const { code, stderr } = await run('generate', file(name), '1+2');
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect(world.opened).toEqual([]);
});

it.each([
  [PLAIN, '1/0', /^error: division by zero of "1\/0": .* — correct the expression\n$/],
  [PLAIN, '1+', /^error: syntax at position 2 of "1\+": expected a number, .* — correct the expression\n$/],
  ['sort', '4 1 x', /^error: sort: "4 1 x" is no list of digits — write digits such as "4 1 3"\n$/],
])('of %s refuses %j before a device is opened', async (name, text, message) => {
  const { code, stderr } = await run('generate', name === 'sort' ? file(name) : name, text);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect(world.opened).toEqual([]);
});

it('continues texts of a task that cannot read problems, without a verdict', async () => {
  const { code, stdout } = await run('generate', file('sort'), 'sort 1', '--task', module(), '--json');
  expect(code).toBe(0);
  const { results } = JSON.parse(stdout);
  expect(results[0].text).toBe('sort 1');
  expect(Object.keys(results[0].completions[0])).toEqual(['completion', 'logProbability', 'tokens']);
  const shown = (await run('generate', file('sort'), 'sort 1', '--task', module())).stdout;
  expect(shown).toMatch(/^sort 1\n {2}1\. log-probability -\d/m);
});

/** Write a module whose task is sorting, but reads no problems. */
function module(): string {
  const path = join(directory, 'mute.ts');
  writeFileSync(
    path,
    `import { sorting } from '${resolve('src/tasks/sorting.ts')}';
    export default { ...sorting(), problemOf: undefined };`,
  );
  return path;
}
