/**
 * Golden lists that old checkpoints depend on: held-out problems, drawn problems, and the ids of tokens. A change would
 * evaluate a checkpoint on its training problems, or train a resumed run on other problems.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { splitOf } from '../../src/tasks/arithmetic/split.ts';
import { arithmetic } from '../../src/tasks/arithmetic/task.ts';
import { countdown } from '../../src/tasks/countdown/task.ts';
import { parse } from '../../src/tasks/expressions/parser.ts';
import { sorting } from '../../src/tasks/sorting.ts';
import { splitOfCanonical } from '../../src/tasks/split.ts';
import { TaskStream } from '../../src/tasks/stream.ts';
import type { Task, TaskProblem } from '../../src/tasks/task.ts';

const sha256 = (lines: readonly string[]): string =>
  createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');
const lineOf = ({ expression, answer }: TaskProblem): string => `${expression}\t${answer}`;

interface Golden {
  readonly heldOut: { readonly size: number; readonly first: readonly string[]; readonly hash: string };
  readonly drawn: { readonly first: readonly string[]; readonly hash: string };
  readonly examples: { readonly first: string; readonly promptLength: number; readonly hash: string };
}

const GOLDEN: readonly (readonly [string, Task, Golden])[] = [
  [
    'arithmetic()',
    arithmetic(),
    {
      heldOut: {
        size: 1000,
        first: [' -84 - 53\t-137', '(-57-abs(-6)) /-7 \t9', 'prev( -8)\t-9', 'next( min(2,15 )/35) \t37/35'],
        hash: 'a7348f07e2d761b7477a7794a1d8915d8e1a29b03f281d0352d783ecfc7e9f1d',
      },
      drawn: {
        first: ['min(min (prev (-83) ,-73) ,-5* 32/3)\t-84', 'next( -15) \t-14'],
        hash: 'df6322855ea2b295bb70e138dc185f0223802c5b0607084a92b6a38d4551afaa',
      },
      examples: {
        first: '<sos><little>prev (-52 )<answer>-26<eos>',
        promptLength: 14,
        hash: '34e367ed61b1e8e2cfb5121d9247524c85aeba2a3604a1bf3d41c3ddbf23ae0e',
      },
    },
  ],
  [
    'arithmetic of npm start',
    arithmetic({ maxDigits: 1, maxDepth: 2, operators: '+,-' }),
    {
      heldOut: {
        size: 1000,
        first: [' -3--8 - (9 +-7)\t3', ' 9--6+(7 +6 ) \t28', '7+ ( -6 --4 ) \t5', '6+9+ -5 \t10'],
        hash: '19592277ecd1eeead68d552aa02fc359828d7a0f0198d3fa0d862af43c572cfa',
      },
      drawn: {
        first: ['1+-5 --7\t3', '8+7+ ( 8+9)\t32'],
        hash: 'cc63631b988104d35362cdefb4ecdd30ffa516f75c0aa611068f7f238aa336e6',
      },
      examples: {
        first: '<sos><little>-2--1<answer>-1<eos>',
        promptLength: 8,
        hash: '843dc2d8a46f9d303ad15c27029b982ec9929ebdb3d10f5e65edf9462bbaa456',
      },
    },
  ],
  [
    'sorting()',
    sorting(),
    {
      heldOut: {
        size: 108,
        first: ['sort 3 6 5 =\t3 5 6', 'sort 6 5 4 =\t4 5 6', 'sort 0 3 4 =\t0 3 4', 'sort 8 0 1 =\t0 1 8'],
        hash: 'c7e19ed34baa7ebe56335e2995c84107b202a1a0c7ce0b9ea1c268e9528c932e',
      },
      drawn: {
        first: ['sort 1 3 8 =\t1 3 8', 'sort 2 5 3 =\t2 3 5'],
        hash: '11138ac2e9df1134cb941f8200647afb558ec29e2b98bdf1543c70ced4264976',
      },
      examples: {
        first: 'sort 5 5 0 =0 5 5<eos>',
        promptLength: 9,
        hash: 'af4b53faf34232f4e58dbe3238971a09482b52b9e6fd2e273c0404c5b63ec2e5',
      },
    },
  ],
  [
    'sorting of six digits',
    sorting({ maxDigits: 6 }),
    {
      heldOut: {
        size: 1000,
        first: ['sort 5 5 0 1 9 5 =\t0 1 5 5 5 9', 'sort 2 2 2 5 7 1 =\t1 2 2 2 5 7'],
        hash: 'cf28121b6ea68f4e6bcb700a25d36ddaf87bf07e7b25b36235a20a1e1e3a0622',
      },
      drawn: {
        first: ['sort 1 3 8 0 4 9 =\t0 1 3 4 8 9', 'sort 6 7 3 3 4 6 =\t3 3 4 6 6 7'],
        hash: 'bb3c8746ab5bba04ff57f2bd53b888dff43d31856d64a013f8907e14fd39e54f',
      },
      examples: {
        first: 'sort 9 5 9 1 0 1 =0 1 1 5 9 9<eos>',
        promptLength: 15,
        hash: '267f4bd5c7e7f5e294c70ac79a5efe5b3f4badf0ab28be508ee17d0e53418f24',
      },
    },
  ],
  [
    'countdown()',
    countdown(),
    {
      heldOut: {
        size: 1000,
        first: [
          'make 29 from 1 13 16:\t16/1+13',
          'make 17 from 16 16 18:\t18-16/16',
          'make 19 from 6 11 14:\t14+11-6',
        ],
        hash: '7148eab146eca9e6d4bb90e5769b7c5a6ab42140b025531c400704cd48b66c1e',
      },
      drawn: {
        first: ['make 1 from 2 19 19:\t2-19/19', 'make 16 from 5 7 14:\t7+(14-5)'],
        hash: '69ac3e7cd288040b5dacb38759f82109b9c32a16ee6b9884171b1639269359b5',
      },
      examples: {
        first: 'make 8 from 10 16 18:16+10=26, 26-18=8<answer>16+10-18<eos>',
        promptLength: 15,
        hash: '0d7d498b31b32357c99238e9b93db0d3749c9531976ceb111bdcffdc9b2445b1',
      },
    },
  ],
  [
    'countdown of four numbers',
    countdown({ numbers: 4, maxNumber: 99 }),
    {
      heldOut: {
        size: 1000,
        first: [
          'make 36 from 17 55 60 96:\t55+60-(96-17)',
          'make 92 from 18 37 40 77:\t77+(18-40)+37',
          'make 71 from 8 36 55 98:\t98+(36-55-8)',
        ],
        hash: 'c9ebf973043b2b8715d7b3313a78a4ed78cb2dda3b258b91ff5c33c82a5d0a53',
      },
      drawn: {
        first: ['make 60 from 5 58 75 82:\t82-75+(58-5)', 'make 14 from 29 40 45 80:\t45-80/40-29'],
        hash: '6202fccac583fce6c38b12c010b4ba54bb94396125ca658770579cf075d917bb',
      },
      examples: {
        first: 'make 99 from 43 57 88 89:88+57=145, 43+145=188, 188-89=99<answer>43+(88+57)-89<eos>',
        promptLength: 19,
        hash: 'a7cde0418606ade7d78c56d4b5417af51e857245495cbcf04663423b75e876ed',
      },
    },
  ],
];

describe.each(GOLDEN)('%s', (_, task, golden) => {
  test('holds out these problems', () => {
    const lines = task.heldOut(1000).map(lineOf);
    expect(lines.length).toBe(golden.heldOut.size);
    expect(lines.slice(0, golden.heldOut.first.length)).toEqual(golden.heldOut.first);
    expect(sha256(lines)).toBe(golden.heldOut.hash);
  });

  test('draws these problems to train on', () => {
    const stream = new TaskStream(task, { seed: 0, stream: 0 });
    const lines = Array.from({ length: 200 }, () => lineOf(stream.next()));
    expect(lines.slice(0, golden.drawn.first.length)).toEqual(golden.drawn.first);
    expect(sha256(lines)).toBe(golden.drawn.hash);
  });

  test('makes these examples', () => {
    const stream = new TaskStream(task, { seed: 0, stream: 1 });
    const examples = Array.from({ length: 200 }, () => stream.nextExample());
    expect(task.tokenizer.decode(examples[0]?.tokens ?? [])).toBe(golden.examples.first);
    expect(examples[0]?.promptLength).toBe(golden.examples.promptLength);
    const lines = examples.map(({ promptLength, tokens }) => `${promptLength} ${tokens.join(' ')}`);
    expect(sha256(lines)).toBe(golden.examples.hash);
  });
});

/** Compute the hash of split.ts by its definition, with BigInt: FNV-1a, then fmix32 of MurmurHash3. */
function referenceHash(text: string): bigint {
  const word = (value: bigint): bigint => BigInt.asUintN(32, value);
  let h = 2_166_136_261n;
  for (const character of text) h = word((h ^ BigInt(character.charCodeAt(0))) * 16_777_619n);
  h = word((h ^ (h >> 16n)) * 0x85ebca6bn);
  h = word((h ^ (h >> 13n)) * 0xc2b2ae35n);
  return h ^ (h >> 16n);
}

describe('the split', () => {
  test('holds out these sums of two digits, and 1,242 of those of two numbers below 100', () => {
    const sums = (below: number): string[] =>
      Array.from({ length: below * below }, (_, i) => `${Math.floor(i / below)}+${i % below}`).filter(
        (text) => splitOf(parse(text)) === 'evaluation',
      );
    expect(sums(10).join(' ')).toBe('0+0 0+3 1+0 1+3 1+7 2+2 2+3 2+8 3+7 4+2 6+0 6+8 7+8 8+0 8+5 9+8');
    expect(sums(100).length).toBe(1242);
  });

  test('is one in eight of a hash of the text', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (text) => {
        const heldOut = referenceHash(text) % 8n === 0n;
        expect(splitOfCanonical(text)).toBe(heldOut ? 'evaluation' : 'training');
      }),
    );
    // The published FNV-1a of "" and "a", 811c9dc5 and e40c292c, through fmix32.
    expect([referenceHash(''), referenceHash('a')].map((h) => h.toString(16))).toEqual([
      'ab3e7c0b',
      '1a80b1b3',
    ]);
  });

  test('of sorting, every problem of three digits is on one side, and all that are held out are found', () => {
    const all = Array.from({ length: 1000 }, (_, i) => `sort ${[...String(i).padStart(3, '0')].join(' ')} =`);
    const heldOut = all.filter((text) => referenceHash(text) % 8n === 0n);
    const found = sorting().heldOut(1000);
    expect(found.map(({ expression }) => expression).toSorted()).toEqual(heldOut.toSorted());
    expect(sorting().heldOut(40)).toEqual(found.slice(0, 40));
  });
});

test('the ids of tokens', () => {
  const ids = (task: Task): string[] =>
    Array.from({ length: task.tokenizer.vocabSize }, (_, id) => task.tokenizer.decode([id]));
  expect(ids(arithmetic())).toEqual([
    ...' %()*+,-./0123456789;=[]^abcdefghijklmnopqrstuvwxyz',
    ...['<scratchpad>', '<sos>', '<eos>', '<big>', '<little>', '<answer>'],
  ]);
  expect(ids(sorting())).toEqual([...'0123456789 =', 'sort', '<eos>']);
  expect(ids(countdown())).toEqual([...' ()*+,-/0123456789:=', 'make', 'from', '<answer>', '<eos>']);
  expect(arithmetic().tokenizer).toMatchObject({ vocabSize: 57, bos: 52, eos: 53 });
  expect(sorting().tokenizer).toMatchObject({ vocabSize: 14, eos: 13 });
  expect(sorting().tokenizer.bos).toBeUndefined();
});
