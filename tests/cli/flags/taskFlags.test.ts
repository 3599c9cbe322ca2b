/** The flags of tasks: those of the task at hand, of a built-in one and of a module; the machine is fake. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadCheckpoint } from '../../../src/runs/checkpointFile.ts';
import { SETTINGS_KEY } from '../../../src/training/trainedSettings.ts';
import { world } from '../fakeMachine.ts';
import { run } from '../inProcess.ts';

vi.mock('../../../src/cli/commandMachine.ts', async (original) => {
  const { openMachine, withMachine } = await import('../fakeMachine.ts');
  return { ...(await original<object>()), openMachine, withMachine };
});
vi.mock('../../../src/model/transformer.ts', () => import('../fakeMachine.ts'));
vi.mock('../../../src/model/sampler.ts', () => import('../fakeMachine.ts'));
vi.mock('../../../src/grpo/trainer.ts', () => import('../fakeMachine.ts'));
vi.mock('../../../src/pretrain/trainer.ts', () => import('../fakeMachine.ts'));

let directory: string;
const file = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const json = (...path: string[]) => JSON.parse(readFileSync(join(directory, ...path), 'utf8'));
const TASKS = resolve('src/tasks/index.ts');

/** A module with a task of its own: to repeat a letter so many times. */
let echo: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'mathformer-task-flags-'));
  echo = file(
    'echo.ts',
    `import { defineTask, distinct, integer, splitOfCanonical, tokenizerOf, yesOrNo } from '${TASKS}';

    const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
    const tokenizer = tokenizerOf([...LETTERS, ':', '<eos>'], '<eos>');
    const { encode, eos } = tokenizer;

    function problemOf(letters) {
      return { expression: letters + ':', answer: letters };
    }

    export default defineTask({
      name: 'echo',
      options: {
        letters: integer(1, 9).default(2).describe('letters to repeat'),
        vowels: yesOrNo().default(false).describe('take vowels alone'),
      },
      pretraining: { copies: integer(1, 3).default(1).describe('times that an example repeats them') },
      make: ({ letters, vowels, copies = 1 }) => {
        const alphabet = vowels ? 'aeiou' : LETTERS;
        const drawn = (side, random) => {
          for (;;) {
            const text = Array.from({ length: letters }, () => alphabet[random.integerBelow(alphabet.length)]).join('');
            if (splitOfCanonical(text) === side) return problemOf(text);
          }
        };
        return {
          name: 'echo',
          tokenizer,
          levels: ['letters_' + letters],
          draw: (random) => drawn('training', random),
          heldOut: (size) => distinct(Math.min(size, 4), (item) => {
            const text = Array.from({ length: letters }, (_, i) => alphabet[(item * 7 + i) % alphabet.length]).join('');
            return splitOfCanonical(text) === 'evaluation' ? problemOf(text) : undefined;
          }),
          prompt: ({ expression }) => encode(expression),
          example: ({ expression, answer }) => ({
            tokens: [...encode(expression + answer.repeat(copies)), eos],
            promptLength: letters + 1,
          }),
          grade: ({ answer }, completion) => {
            const end = completion.indexOf(eos);
            const text = tokenizer.decode(end < 0 ? completion : completion.slice(0, end));
            return { outcome: end < 0 ? 'unfinished' : text === answer ? 'correct' : 'wrong', answer: text };
          },
        };
      },
    });`,
  );
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => world.reset());

describe('--help', () => {
  const groupOf = (help: string, task: string): string =>
    help.split(`Options of the task ${task}:\n`)[1]?.split('\n\n')[0] ?? '';

  it.each(['grpo', 'pretrain', 'evaluate', 'generate', 'export'] as const)(
    'of %s shows the options of the task under a heading of their own',
    async (command) => {
      const { code, stdout } = await run(command, '--help');
      expect(code).toBe(0);
      const flags = groupOf(stdout, 'arithmetic').match(/--\w+/g);
      const ofExamples = command === 'pretrain' ? ['--little_probability', '--scratchpad_probability'] : [];
      expect(flags).toEqual(['--max_digits', '--max_depth', '--operators', ...ofExamples]);
      const other = (await run(command, '--task', 'countdown', '--help')).stdout;
      expect(groupOf(other, 'countdown')).toMatch(/--numbers <number> .*\(default: 3\)/);
      expect(other).not.toContain('--max_digits');
    },
  );

  it('shows the options of a module, and those of a subcommand', async () => {
    const { code, stdout } = await run('train', 'grpo', '--task', echo, '--help');
    expect(code).toBe(0);
    expect(groupOf(stdout, echo)).toMatch(/--letters <number>\s+letters to repeat \(default: 2\)/);
    expect(groupOf(stdout, echo)).toMatch(/--vowels, --no_vowels\s+take vowels alone/);
    expect(stdout).not.toContain('--copies');
    expect((await run('train', 'pretrain', `--task=${echo}`, '--help')).stdout).toContain(
      '--copies <number>',
    );
  });

  it('is shown although the task cannot be found', async () => {
    const { code, stdout } = await run('grpo', '--task', './none.ts', '--help');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: grpo /)]);
  });
});

describe('an option', () => {
  it.each([
    [
      ['--task', 'sort', '--operators', '+'],
      /'--operators' — it is an option of the task arithmetic and of countdown: give --task arithmetic, or leave it out/,
    ],
    [['--numbers', '3'], /'--numbers' — it is an option of the task countdown: give --task countdown/],
    [['--task', 'countdown', '--numbers', '7'], /--numbers cannot be 7 — give an integer from 2 to 6/],
    [
      ['--task', 'countdown', '--min_target', '9', '--max_target', '8'],
      /maxTarget is 8 — give an integer from 9 to 9999/,
    ],
    [['--number', '3', '--task', 'countdown'], /'--number' — did you mean --numbers\?/],
  ])('%j is refused with what to do', async (args, message) => {
    const { stderr } = await run('pretrain', ...args);
    expect(stderr).toMatch(message);
    expect(world.opened).toEqual([]);
  });

  it('of another task in a file is said to be one, unless an earlier run wrote it', async () => {
    const config = file('operators.json', '{"task": "sort", "operators": "+"}');
    const { code, stderr } = await run('pretrain', '--config', config);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/no option 'operators' — it is an option of the task arithmetic/),
    ]);
    const options = { task: 'sort', maxDigits: 1, maxDepth: 3, operators: ['+'], littleProbability: 0.5 };
    const old = file(
      'old.json',
      JSON.stringify({ kind: 'pretrain', options: { ...options, modelsize: 'tiny', steps: 1 } }),
    );
    const out = join(directory, 'old');
    const ended = await run('pretrain', '--config', old, '--out', out);
    expect(ended.code, ended.stderr).toBe(0);
    expect(json('old', 'config.json').options).toMatchObject({ task: 'sort', maxDigits: 1 });
    expect(json('old', 'config.json').options).not.toHaveProperty('operators');
  });
});

it('refuses options of countdown that contradict each other', async () => {
  const { code, stderr } = await run('pretrain', '--task', 'countdown', '--min_target', '500');
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(/maxTarget is 100 — give an integer from 500 to 9999/),
  ]);
});

describe('a module that defines options', () => {
  const sizes = ['--modelsize', 'tiny', '--steps', '1', '--num_examples', '8', '--batch_size', '4'];

  it('is trained with them, and asked as it was trained', async () => {
    const out = join(directory, 'trained');
    const own = ['--letters', '3', '--no_vowels', '--copies', '2'];
    const { code, stderr } = await run('pretrain', '--task', echo, ...own, ...sizes, '--out', out);
    expect(code, stderr).toBe(0);
    const { options } = json('trained', 'config.json');
    expect(options).toMatchObject({ task: echo, letters: 3, vowels: false, copies: 2 });
    const checkpoint = join(out, 'checkpoints', 'model_step1.safetensors');
    const { metadata } = loadCheckpoint(checkpoint);
    const settings = JSON.parse(metadata.get(SETTINGS_KEY) ?? '');
    expect(settings).toMatchObject({ task: echo, letters: 3, vowels: false });
    expect(settings).not.toHaveProperty('copies');

    const asked = await run('evaluate', checkpoint, '--task', echo, '--eval_size', '2');
    expect(asked.code, asked.stderr).toBe(0);
    expect(asked.stdout).toMatch(/^As it was trained .*: --letters 3 --no_vowels --max_gen_len 256$/m);
    const other = await run('evaluate', checkpoint, '--task', echo, '--letters', '1', '--eval_size', '2');
    expect(other.stdout).toMatch(/^As it was trained .*: --no_vowels --max_gen_len 256$/m);
    const unnamed = await run('evaluate', checkpoint, '--letters', '3');
    expect([unnamed.code, unnamed.stderr]).toEqual([
      2,
      expect.stringMatching(/task of a module.* — give --task /),
    ]);
  });

  it('goes on with them where the run is resumed, if the user trusts it', async () => {
    const run1 = join(directory, 'trained');
    const refused = await run('resume', run1, '--steps', '2');
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/echo\.ts: code, .* --trust/)]);
    const { code, stderr } = await run('resume', run1, '--steps', '2', '--trust');
    expect(code, stderr).toBe(0);
    expect(json('trained', 'config.json').options).toMatchObject({
      task: echo,
      letters: 3,
      copies: 2,
      steps: 2,
    });
  });

  it('is named by a file, relative to it, if the user trusts that', async () => {
    mkdirSync(join(directory, 'sub'), { recursive: true });
    const config = file('sub/mine.json', '{"task": "../echo.ts", "letters": 4, "modelsize": "tiny"}');
    const args = ['--config', config, '--steps', '1', '--num_examples', '8'];
    const refused = await run('pretrain', ...args);
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/mine\.json names \.\.\/echo\.ts: code/),
    ]);
    const { code, stderr } = await run('pretrain', ...args, '--trust', '--out', join(directory, 'named'));
    expect(code, stderr).toBe(0);
    expect(json('named', 'config.json').options).toMatchObject({ task: echo, letters: 4 });
  });

  it('needs none that the checkpoint knows, though it has no default', async () => {
    const needy = file(
      'needy.ts',
      `import { defineTask, integer, sorting } from '${TASKS}';
      export default defineTask({
        name: 'needy',
        options: { size: integer(1, 9).describe('digits to sort') },
        make: ({ size }) => sorting({ maxDigits: size }),
      });`,
    );
    const start = join(directory, 'needy');
    const lacking = await run('pretrain', '--task', needy, ...sizes, '--out', start);
    expect([lacking.code, lacking.stderr]).toEqual([2, expect.stringMatching(/--size is missing/)]);
    const begun = await run('pretrain', '--task', needy, '--size', '2', ...sizes, '--out', start);
    expect(begun.code, begun.stderr).toBe(0);
    const grpo = ['--task', needy, '--checkpoint', start, '--steps', '1'];
    const wrong = await run('grpo', ...grpo, '--size', '10');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/--size cannot be 10/)]);
    const { code, stderr } = await run('grpo', ...grpo, '--out', join(directory, 'needy-grpo'));
    expect(code, stderr).toBe(0);
    expect(json('needy-grpo', 'config.json').options).toMatchObject({ size: 2 });
  });

  it.each([
    [
      'batch.ts',
      `{ name: 'x', options: { batch_size: integer(1, 2) }, make: () => null }`,
      /its option batch_size is an option of the command — call it otherwise/,
    ],
    [
      'help.ts',
      `{ name: 'x', options: { help: integer(1, 2) }, make: () => null }`,
      /its option help is an option of the command — call it otherwise/,
    ],
    [
      'words.ts',
      `{ name: 'x', options: { 'two words': integer(1, 2) }, make: () => null }`,
      /the option two words is not what it must be — give fields by name/,
    ],
    [
      'steps.ts',
      `{ name: 'x', options: { steps: integer(1, 2) }, make: () => null }`,
      /its option steps is an option of the command — call it otherwise/,
    ],
    [
      'field.ts',
      `{ name: 'x', options: { size: 3 }, make: () => null }`,
      /the option size is not what it must be — give fields by name/,
    ],
    [
      'list.ts',
      `{ name: 'x', options: 3, make: () => null }`,
      /options is not what it must be — give fields/,
    ],
    ['made.ts', `{ name: 'x', options: {}, make: () => ({ name: 'x' }) }`, /it has no tokenizer.vocabSize/],
    [
      'threw.ts',
      `{ name: 'x', options: {}, make: () => { throw new Error('boom'); } }`,
      /it cannot be made: boom — correct the module/,
    ],
  ])('is refused where it is none: %s', async (name, source, message) => {
    const path = file(name, `import { integer } from '${TASKS}'; integer(1, 2); export default ${source};`);
    const { code, stderr } = await run(
      'pretrain',
      '--task',
      path,
      '--own_option',
      '3',
      '--out',
      join(directory, 'none'),
    );
    const plain = await run('pretrain', '--task', path, '--out', join(directory, 'none'));
    const told = /made|threw/.test(name) ? plain : { code, stderr };
    expect([told.code, told.stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

it('problems of countdown are asked of a model', async () => {
  const out = join(directory, 'countdown');
  const args = ['--task', 'countdown', '--numbers', '2', '--modelsize', 'tiny', '--steps', '1', '--out', out];
  const trained = await run('pretrain', ...args);
  expect(trained.code, trained.stderr).toBe(0);
  const { code, stdout } = await run('generate', out, '24 from 3 8', '--num_samples', '1');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^make 24 from 3 8: = 3\*8\n {2}1\. no answer, /m);
});
