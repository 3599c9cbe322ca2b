/**
 * A task in a file: letters are to be written backwards. It has an option of its own, which becomes a flag of every
 * command, is kept in checkpoints and in the config of a run, and stands in --help.
 *
 *     npx tsx src/cli/main.ts pretrain --task examples/reverse.ts --letters 4 --modelsize tiny
 *     npx tsx src/cli/main.ts grpo --task examples/reverse.ts --checkpoint runs/…
 *     npx tsx src/cli/main.ts generate runs/… --task examples/reverse.ts abcd
 */
import {
  defineTask,
  distinct,
  integer,
  RandomStream,
  type Split,
  splitOfCanonical,
  type TaskProblem,
  tokenizerOf,
} from 'mathformer/tasks';

const ALPHABET = 'abcdefghij';
const tokenizer = tokenizerOf([...ALPHABET, '>', '<eos>'], '<eos>');
const { encode, decode, eos } = tokenizer;

const problemOf = (letters: string): TaskProblem => ({
  expression: `${letters}>`,
  answer: [...letters].reverse().join(''),
});

/** Draw letters until they belong to this side: training never sees a problem that is held out. */
function draw(side: Split, random: RandomStream, count: number): TaskProblem {
  for (;;) {
    const letters = Array.from({ length: count }, () => ALPHABET[random.integerBelow(ALPHABET.length)]).join(
      '',
    );
    if (splitOfCanonical(letters) === side) return problemOf(letters);
  }
}

export default defineTask({
  name: 'reverse',
  options: { letters: integer(2, 20).default(3).describe('letters of a problem; easier levels have fewer') },
  make: ({ letters }) => ({
    name: 'reverse',
    tokenizer,
    levels: Array.from({ length: letters - 1 }, (_, level) => `letters_${level + 2}`),
    draw: (random, level) => draw('training', random, level + 2),
    heldOut: (size) =>
      distinct(size, (item) => draw('evaluation', new RandomStream({ seed: 0, stream: 1, item }), letters)),
    prompt: ({ expression }) => encode(expression),
    example: ({ expression, answer }) => ({
      tokens: [...encode(expression + answer), eos],
      promptLength: expression.length,
    }),
    grade({ answer: expected }, completion) {
      const end = completion.indexOf(eos);
      const answer = decode(end < 0 ? completion : completion.slice(0, end));
      if (end < 0) return { outcome: 'unfinished', answer };
      return { outcome: answer === expected ? 'correct' : 'wrong', answer };
    },
    problemOf,
  }),
});
