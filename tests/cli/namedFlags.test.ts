/** Flags and commands that texts in the sources and the README mention exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { split } from 'shlex';
import { describe, expect, it } from 'vitest';
import { flagsOf } from '../../src/cli/flags/flags.ts';
import { grpoFlags, pretrainFlags } from '../../src/cli/flags/trainingFlags.ts';
import { COMMANDS } from '../../src/cli/invocation.ts';
import { isCommandName } from '../../src/cli/program.ts';
import { run } from './inProcess.ts';

describe('flags that texts of the sources name', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  /** For each flag, the files whose texts mention it. */
  const named = new Map<string, string[]>();
  for (const path of sources) {
    const code = readFileSync(join('src', path), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
    // In a sentence: what is passed to other programs stands alone.
    for (const [flag] of code.matchAll(/(?<=[\w,;:(] )--[a-z][a-z_]+/g)) {
      named.set(flag, [...(named.get(flag) ?? []), path]);
    }
  }
  it('are flags of a command', async () => {
    const known = new Set<string>();
    const parts = [
      ['cluster', 'init'],
      ['cluster', 'add'],
      ['cluster', 'revoke'],
    ] as const;
    const others = ['pretrain', 'grpo', 'resume', 'worker', 'dashboard', 'compare', 'report'] as const;
    for (const [command, ...words] of [
      ...[...COMMANDS, ...others].map((name) => [name] as const),
      ...parts,
    ]) {
      const { stdout } = await run(command, ...words, '--help');
      for (const [flag] of stdout.matchAll(/--[a-z][a-z_]+/g)) known.add(flag);
    }
    expect(known).toContain('--max_gen_len');
    const unknown = [...named].filter(([flag]) => !known.has(flag));
    expect(unknown).toEqual([]);
    expect(named.size).toBeGreaterThan(30);
  });

  it('are of the trainings, where trainers name them', () => {
    const trainings = [...flagsOf(grpoFlags), ...flagsOf(pretrainFlags)];
    const rooms = /^(grpo|pretrain|model|tasks|math|generation)\//;
    const foreign = [...named].filter(
      ([flag, paths]) => paths.some((path) => rooms.test(path)) && !trainings.includes(flag),
    );
    expect(foreign).toEqual([]);
  });
});

describe('README', () => {
  const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    ([, text = '']) => text,
  );
  const lines = blocks
    .flatMap((text) => text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/ #.*/, ''));
  const calls = lines.filter((line) => line.includes('src/cli/')).map((line) => split(line.trim()));

  it('has commands whose flags they take', async () => {
    expect(calls.length).toBeGreaterThan(5);
    for (const [npx, tsx, script = '', ...words] of calls) {
      expect([npx, tsx]).toEqual(['npx', 'tsx']);
      expect(script).toBe('src/cli/main.ts');
      const [name = ''] = words;
      if (!isCommandName(name)) throw new Error(`the README calls ${name}, which is no command`);
      const { stdout } = await run(name, '--help');
      const known = stdout.match(/--[a-z_]+/g) ?? [];
      expect(known).toEqual(expect.arrayContaining(words.filter((word) => word.startsWith('--'))));
    }
  });
});
