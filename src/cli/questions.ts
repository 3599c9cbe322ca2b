/** Questions to a model: problems of a task, or texts that it continues. */
import { problemOf } from '../base/errors.ts';
import { BadOptionError } from '../base/options.ts';
import { printable } from '../formats/error.ts';
import type { TokenizerTexts } from '../formats/huggingFace/tokenizer.ts';
import type { Completion } from '../model/completions.ts';
import type { LoadedCheckpoint } from '../runs/checkpointFile.ts';
import { readTokenizerDirectory } from '../runs/huggingFaceDirectory.ts';
import type { Graded, Task, TaskProblem, Tokenizer } from '../tasks/task.ts';

/** A text that a model continues. */
export interface Question {
  readonly text: string;
  /** Token ids of the prompt. */
  readonly tokens: readonly number[];
  /** The problem, where completions can be graded. */
  readonly problem?: TaskProblem;
}

/** A way to ask a model. */
export interface Asking {
  readonly tokenizer: Tokenizer;
  /** Make a question of a text. @throws BadOptionError for a text that is none */
  question(text: string): Question;
  /** Grade a completion of a question with a problem. */
  grade?(problem: TaskProblem, completion: readonly number[]): Graded;
}

/** Let a model continue texts as they are. Completions are not graded. */
export function askingText(tokenizer: Tokenizer): Asking {
  const { bos } = tokenizer;
  const start = bos === undefined ? [] : [bos];
  return {
    tokenizer,
    question: (text) => ({ text, tokens: [...start, ...read(text, () => tokenizer.encode(text))] }),
  };
}

/**
 * Read the tokenizer of a Hugging Face directory with another vocabulary than the task's; undefined for other models.
 * @throws FileError
 */
export function directoryTokenizer(
  path: string,
  { config, format }: Pick<LoadedCheckpoint, 'config' | 'format'>,
  task: Pick<Task, 'tokenizer'>,
): TokenizerTexts | undefined {
  const own = format === 'hugging-face' && config.vocabSize !== task.tokenizer.vocabSize;
  return own ? readTokenizerDirectory(path) : undefined;
}

/** Ask a model problems of a task; a task that cannot read problems has its tokenizer's texts continued. */
export function askingTask(task: Task): Asking {
  const parse = task.problemOf?.bind(task);
  if (!parse) return askingText(task.tokenizer);
  return {
    tokenizer: task.tokenizer,
    question(text) {
      const problem = read(text, () => parse(text));
      return { text: problem.expression, tokens: task.prompt(problem), problem };
    },
    grade: (problem, completion) => task.grade(problem, completion),
  };
}

function read<Result>(text: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const fix = 'fix' in error && typeof error.fix === 'string' ? error.fix : 'correct it';
    const problem = problemOf(error);
    throw new BadOptionError('problem', problem.includes(text) ? problem : `"${text}": ${problem}`, fix);
  }
}

/** Cut a completion after the first token that ends it: a sampler knows one such token, a model may have several. */
export function cutAtEnd(completion: Completion, ends: readonly number[]): Completion {
  const { kept: _, ...rest } = completion;
  const at = rest.tokens.findIndex((token) => ends.includes(token));
  if (at === -1) return rest;
  const [tokens, logps] = [rest.tokens.slice(0, at + 1), rest.logps.slice(0, at + 1)];
  return { ...rest, tokens, logps, finished: true };
}

/** An answer to a question. */
export interface Answer {
  readonly completion: string;
  readonly verdict?: Graded['outcome'];
  /** The answer that was graded; null without an answer. */
  readonly answer?: string | null;
  /** Sum over the tokens, in nats. */
  readonly logProbability: number;
  readonly tokens: readonly { readonly token: string; readonly logProbability: number }[];
}

/** Describe a completion of a question. */
export function answerOf(
  { tokenizer, grade }: Asking,
  { problem }: Question,
  { tokens, logps }: Pick<Completion, 'tokens' | 'logps'>,
): Answer {
  const graded = problem && grade?.(problem, tokens);
  return {
    completion: tokenizer.decode(tokens),
    ...(graded && { verdict: graded.outcome, answer: graded.answer }),
    logProbability: logps.reduce((sum, logp) => sum + logp, 0),
    tokens: tokens.map((id, i) => ({
      token: tokenizer.decode([id]),
      logProbability: logps[i] ?? Number.NaN,
    })),
  };
}

/** Write a question and its answers, two lines each. */
export function answerLines({ text, problem }: Question, answers: readonly Answer[]): string[] {
  const equals = /=\s*$/.test(text) ? '' : ' =';
  return [
    problem ? `${text}${equals} ${problem.answer}` : text,
    ...answers.flatMap(({ completion, verdict, logProbability, tokens }, i) => [
      `  ${i + 1}. ${verdict === undefined ? '' : `${verdict}, `}log-probability ${logProbability.toFixed(4)}: ${problem ? '' : text}${completion}`,
      `     ${tokens.map(({ token, logProbability: logp }) => `${printable(token)} ${logp.toFixed(3)}`).join(' | ')}`,
    ]),
  ];
}
