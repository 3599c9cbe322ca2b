/** Exit codes of every command for every kind of mistake: 2 for an invalid command line, 1 for a failure. */
import { expect, it } from 'vitest';
import { run } from './inProcess.ts';

const FILE = 'tests/fixtures/checkpoints/tiny.safetensors';

/** By command: exit code and arguments. */
const MISTAKES = {
  train: [
    ['an unknown flag', 2, '--nope'],
    ['an excess operand', 2, 'pretrain', 'more'],
    ['a missing operand', 2, 'resume'],
    ['a missing value', 2, 'pretrain', '--steps'],
    ['a bad value', 2, 'pretrain', '--steps', 'many'],
    ['an empty run', 2, 'resume', ''],
    ['an empty config', 2, 'pretrain', '--config', ''],
    ['active experts of no experts', 2, 'pretrain', '--active_experts', '2'],
    ['a missing file', 1, 'grpo', '--checkpoint', 'no.pt'],
    ['a file instead of a directory', 1, 'resume', 'package.json'],
    ['a directory instead of a file', 1, 'pretrain', '--config', 'src'],
  ],
  evaluate: [
    ['an unknown flag', 2, FILE, '--nope'],
    ['an excess operand', 2, FILE, FILE, FILE],
    ['a missing operand', 2],
    ['a bad value', 2, FILE, '--temperature', '-1'],
    ['an empty operand', 2, ''],
    ['an empty second operand', 2, FILE, ''],
    ['a missing file', 1, 'no.pt'],
    ['a file of another kind', 1, 'package.json'],
  ],
  generate: [
    ['an unknown flag', 2, FILE, '1+1', '--nope'],
    ['a missing operand', 2, FILE],
    ['a bad operand', 2, FILE, '1+'],
    ['an empty operand', 2, '', '1+1'],
    ['a missing file', 1, 'no.pt', '1+1'],
  ],
  export: [
    ['an unknown flag', 2, FILE, '--nope'],
    ['an excess operand', 2, FILE, 'more', '--out', 'never'],
    ['a missing flag', 2, FILE],
    ['an empty operand', 2, '', '--out', 'never'],
    ['a missing file', 1, 'no.pt', '--out', 'never'],
  ],
  inspect: [
    ['an unknown flag', 2, FILE, '--nope'],
    ['an excess operand', 2, FILE, FILE],
    ['an empty operand', 2, ''],
    ['a directory instead of a file', 1, 'src'],
  ],
  tune: [
    ['an unknown flag', 2, '--nope'],
    ['an excess operand', 2, 'more'],
    ['a bad value', 2, '--modelsize', 'huge'],
    ['an adapter that is not there', 1, '--adapter', 'Voodoo 2'],
  ],
  cluster: [
    ['no command', 2],
    ['an unknown command', 2, 'make'],
    ['an unknown flag', 2, 'init', '--nope'],
    ['an excess operand', 2, 'add', 'a', 'b'],
    ['a missing flag', 2, 'init', 'never'],
    ['a missing operand', 2, 'revoke'],
    ['an empty operand', 2, 'init', '', '--host', 'a'],
    ['a directory that is no cluster', 1, 'add', 'a', '--directory', 'src'],
  ],
  doctor: [
    ['an unknown flag', 2, '--nope'],
    ['an excess operand', 2, 'more'],
    ['a missing value', 2, '--adapter'],
  ],
} as const satisfies Record<string, readonly (readonly [string, number, ...string[]])[]>;

it.each(Object.keys(MISTAKES) as (keyof typeof MISTAKES)[])('%s', async (command) => {
  for (const [what, expected, ...args] of MISTAKES[command]) {
    const { code, stdout, stderr } = await run(command, ...args);
    expect(stderr, what).toMatch(/^error: .+ — .+\n$/);
    expect([stdout, code], what).toEqual(['', expected]);
  }
});
