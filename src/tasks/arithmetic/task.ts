/** Arithmetic as a task: expressions, worked out on a scratchpad, with exact answers. See `mathformer/math`. */
import type { Task } from '../task.ts';
import { evaluationSet } from './evaluationSet.ts';
import {
  drawProblem,
  type GeneratorOptions,
  type Problem,
  ProblemSpaceError,
  resolveGeneratorOptions,
} from './generator.ts';
import { grade } from './grader.ts';
import { partialCredit } from './partialCredit.ts';
import { formOf, prompt, resolveSampleOptions, type SampleOptions, sample } from './sample.ts';
import { decode, EOS, encode, SOS, VOCAB_SIZE } from './tokenizer.ts';

/** The same problems in every run, whatever its seed, so that checkpoints can be compared. */
const EVALUATION_SEED = 0;

/** Which expressions, and in which forms their examples come. */
export type ArithmeticOptions = Partial<
  Pick<GeneratorOptions, 'maxDigits' | 'maxDepth' | 'operators'> &
    Pick<SampleOptions, 'littleProbability' | 'scratchpadProbability'>
>;

/**
 * Arithmetic. The highest of its levels is that of the options; each level below has a digit and a depth less.
 * @throws ArgumentError naming the option that cannot work.
 */
export function arithmetic(options: ArithmeticOptions = {}): Task<Problem> {
  const { maxDigits, maxDepth, operators } = resolveGeneratorOptions(options);
  const forms = resolveSampleOptions(options);
  const count = Math.max(maxDigits, maxDepth);
  const levels = Array.from({ length: count }, (_, level) => {
    const easier = count - 1 - level;
    return resolveGeneratorOptions({
      maxDigits: Math.max(1, maxDigits - easier),
      maxDepth: Math.max(1, maxDepth - easier),
      operators,
    });
  });
  return {
    name: 'arithmetic',
    tokenizer: { vocabSize: VOCAB_SIZE, bos: SOS, eos: EOS, encode, decode },
    levels: levels.map((level) => `digits_${level.maxDigits}_depth_${level.maxDepth}`),
    draw: (random, level) => {
      const chosen = levels[level];
      if (!chosen) throw new RangeError(`arithmetic has ${count} levels, and none of index ${level}`);
      return drawProblem(chosen, 'training', random);
    },
    heldOut(size) {
      const set = { maxDigits, maxDepth, operators, seed: EVALUATION_SEED };
      try {
        return evaluationSet({ size, ...set });
      } catch (error) {
        if (!(error instanceof ProblemSpaceError)) throw error;
        return error.found === 0 ? [] : evaluationSet({ size: error.found, ...set });
      }
    },
    prompt: ({ expression }) => prompt(expression),
    example: (problem, random) => sample(problem, formOf(forms, random)),
    grade: (problem, completion) => grade(problem, completion),
    partialCredit: ({ tree }, completion) => partialCredit(tree, grade({ answer: '' }, completion).steps),
  };
}

/** Arithmetic as it is without options: its prompts and grades are those of any other. */
export const ARITHMETIC: Task<Problem> = arithmetic();
