/** Printed command lines work when they are pasted to a shell. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { split } from 'shlex';
import { expect, it } from 'vitest';
import { COMMANDS, commandLineOf, invocation } from '../../src/cli/invocation.ts';

const HERE = new URL('../../src/cli/invocation.ts', import.meta.url).href;
const INSTALLED = 'file:///home/me/project/node_modules/mathformer/dist/cli/invocation.js';

it('is read by a shell as the words it was made of', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), (words) => {
      // The shell itself: shlex takes two backslashes in single quotes for one.
      const said = execFileSync('sh', ['-c', `printf '%s\\0' ${commandLineOf(words)}`], { encoding: 'utf8' });
      expect(said.split('\0').slice(0, -1)).toEqual(words);
    }),
    { examples: [[['a b', "it's", '$HOME', '', '*', '--x=1;2', 'é"\\']]] },
  );
});

it('calls the file from the current directory in a checkout, and the package where that is installed', () => {
  const here = (name: string) => pathToFileURL(join(process.cwd(), 'a', 'cli', name)).href;
  const script = join('a', 'cli', 'tune.ts');
  expect(split(invocation('tune', ['--out', 'a b'], here('invocation.ts')))).toEqual([
    ...['npx', 'tsx', script],
    ...['--out', 'a b'],
  ]);
  expect(invocation('tune', ['a b'], here('invocation.js'))).toBe("npx mathformer-tune 'a b'");
  expect(invocation('train', ['resume'])).toBe(`npx tsx ${join('src', 'cli', 'train.ts')} resume`);
});

it('calls the command from the sources, or from the package', () => {
  expect(invocation('train', ['resume', 'runs/a'], HERE)).toBe('npx tsx src/cli/train.ts resume runs/a');
  expect(invocation('train', ['resume', 'runs/a'], INSTALLED)).toBe('npx mathformer-train resume runs/a');
});

it('calls the program that has all commands where the user has called that', () => {
  const calls = (called: string, words: string[], here = INSTALLED) =>
    invocation('train', words, here, called);
  const main = join(process.cwd(), 'src', 'cli', 'main.ts');
  expect(calls(main, ['resume', 'runs/a'], HERE)).toBe('npx tsx src/cli/main.ts resume runs/a');
  expect(calls(main, ['--seed', '1'], HERE)).toBe('npx tsx src/cli/main.ts train --seed 1');
  for (const called of ['/p/node_modules/.bin/mathformer', '/p/dist/cli/main.js']) {
    expect(calls(called, ['grpo', '--lr', '1'])).toBe('npx mathformer grpo --lr 1');
    expect(calls(called, [])).toBe('npx mathformer train');
  }
  expect(calls('/p/node_modules/.bin/mathformer-train', ['grpo'])).toBe('npx mathformer-train grpo');
});

it('names files that are there, and commands that the package has', () => {
  const { bin }: { bin: Record<string, string> } = JSON.parse(readFileSync('package.json', 'utf8'));
  for (const command of COMMANDS) {
    const [, , script = ''] = split(invocation(command, [], HERE));
    expect(readFileSync(script, 'utf8')).toMatch(/^#!/);
    const [, installed = ''] = split(invocation(command, [], INSTALLED));
    expect(bin[installed]).toBe(`dist/cli/${command}.js`);
  }
});
