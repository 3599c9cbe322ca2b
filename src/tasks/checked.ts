/**
 * A task whose return values are checked. Users write tasks, also in plain JavaScript: an invalid token id or verdict would
 * otherwise silently train on wrong numbers.
 */

import { isObject, shownValue } from '../base/arguments.ts';
import { MathformerError } from '../base/errors.ts';
import { type Example, type Graded, OUTCOMES, type Task, type TaskProblem, type Tokenizer } from './task.ts';

/** Checked tasks by their original. A checked task maps to itself. */
const CHECKED = new WeakMap<object, object>();

/**
 * Return the task with checks: its methods get copies of token ids, and throw if a return value violates `Task`. The tokenizer
 * and the levels are checked at once.
 * @throws MathformerError BAD_TASK naming the task, the method, its problem and the wrong index.
 */
export function checkedTask<Problem extends TaskProblem>(task: Task<Problem>): Task<Problem> {
  const known = CHECKED.get(task);
  if (known) return known as Task<Problem>;
  refuseNoTask(task);
  const checks = new TaskChecks(task.name, task.tokenizer, task.levels);
  const { partialCredit, problemOf } = task;
  // Other members of the task are inherited.
  const checked: Task<Problem> = Object.assign(Object.create(task) as Task<Problem>, {
    name: task.name,
    tokenizer: checks.tokenizer(),
    levels: task.levels,
    draw: (...[random, level]: Parameters<Task['draw']>) => {
      checks.level(level);
      return checks.problem(`draw at level ${level}`, task.draw(random, level));
    },
    heldOut: (size: number) => {
      const problems = task.heldOut(size);
      if (!Array.isArray(problems))
        checks.fail(`heldOut gave ${shownValue(problems)}`, orAsync(problems, 'return a list of problems'));
      return problems.map((problem, i) => checks.problem(`heldOut, index ${i}`, problem));
    },
    prompt: (problem: TaskProblem) => checks.ids(about('prompt', problem), task.prompt(problem), 1),
    example: (...[problem, random]: Parameters<Task<Problem>['example']>) =>
      checks.example(about('example', problem), task.example(problem, random)),
    grade: (problem: TaskProblem, completion: readonly number[]) =>
      checks.graded(about('grade', problem), task.grade(problem, [...completion])),
    ...(problemOf && {
      problemOf: (text: string) =>
        checks.problem(`problemOf ${shownValue(text)}`, problemOf.call(task, text)),
    }),
    ...(partialCredit && {
      partialCredit: (problem: Problem, completion: readonly number[]) =>
        checks.credit(about('partialCredit', problem), partialCredit.call(task, problem, [...completion])),
    }),
  });
  CHECKED.set(task, checked);
  CHECKED.set(checked, checked);
  return checked;
}

const WHAT_A_TASK_IS = 'give a task as `mathformer/tasks` describes it, or a function that makes one';
const GIVE_ONE = 'give one of `mathformer/tasks`, such as { task: arithmetic({ maxDigits: 2 }) }';
const METHODS = ['draw', 'heldOut', 'prompt', 'example', 'grade'] as const;

/** @throws MathformerError naming the first part that a task lacks. */
function refuseNoTask(candidate: unknown): void {
  const task = isObject(candidate) ? candidate : {};
  const tokenizer = isObject(task.tokenizer) ? task.tokenizer : {};
  const parts: readonly (readonly [string, unknown, string])[] = [
    ['name', task.name, 'string'],
    ['tokenizer.vocabSize', tokenizer.vocabSize, 'number'],
    ['tokenizer.eos', tokenizer.eos, 'number'],
    ...['encode', 'decode'].map((key) => [`tokenizer.${key}`, tokenizer[key], 'function'] as const),
    ...METHODS.map((key) => [key, task[key], 'function'] as const),
  ];
  const missing = parts.find(([, value, kind]) => typeof value !== kind);
  if (missing === undefined) return;
  const [key, , kind] = missing;
  const problem = `the task: it has no ${key} (a ${kind})`;
  throw new MathformerError(problem, {
    code: 'BAD_TASK',
    where: 'task',
    fix: candidate === undefined ? GIVE_ONE : WHAT_A_TASK_IS,
  });
}

/** Advice for a method whose result is a promise, a frequent mistake. */
const orAsync = (value: unknown, fix: string): string =>
  isObject(value) && typeof value.then === 'function' ? `${fix}, not a promise: a task answers at once` : fix;

/** Describe a call for an error message. */
const about = (method: string, { expression }: TaskProblem): string =>
  `${method} of ${shownValue(expression)}`;

const isInteger = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;
const isIndex = (value: unknown, count: number): value is number => isInteger(value, 0, count - 1);

class TaskChecks {
  constructor(
    private readonly name: string,
    private readonly given: Tokenizer,
    private readonly levels: readonly string[],
  ) {
    const { vocabSize, eos, bos } = given;
    if (!isInteger(vocabSize, 1, 2 ** 24)) {
      this.fail(`its tokenizer's vocabSize is ${shownValue(vocabSize)}`, 'give a positive integer');
    }
    for (const [key, id] of Object.entries({ eos, ...(bos !== undefined && { bos }) })) {
      if (!isIndex(id, vocabSize)) this.fail(`its tokenizer's ${key} is ${shownValue(id)}`, this.#idsFix());
    }
    if (!Array.isArray(levels) || levels.length === 0) {
      const problem = `it has no levels (a list of names): levels are ${shownValue(levels)}`;
      this.fail(problem, WHAT_A_TASK_IS);
    }
    const odd = levels.findIndex(
      (level, i) => typeof level !== 'string' || level === '' || levels.indexOf(level) < i,
    );
    if (odd >= 0) this.fail(`levels[${odd}] is ${shownValue(levels[odd])}`, 'give names, all different');
  }

  fail(problem: string, fix: string): never {
    throw new MathformerError(`the task ${this.name}: ${problem}`, {
      code: 'BAD_TASK',
      where: `task ${this.name}`,
      fix,
    });
  }

  tokenizer(): Tokenizer {
    const { given } = this;
    return Object.assign(Object.create(given) as Tokenizer, {
      vocabSize: given.vocabSize,
      eos: given.eos,
      ...(given.bos !== undefined && { bos: given.bos }),
      encode: (text: string) => this.ids(`encode of ${shownValue(text)}`, given.encode(text), 0),
      decode: (ids: Iterable<number>) => {
        const text: unknown = given.decode([...ids]);
        return typeof text === 'string'
          ? text
          : this.fail(`decode gave ${shownValue(text)}`, orAsync(text, 'return a text'));
      },
    });
  }

  level(level: number): void {
    const { length } = this.levels;
    if (!isIndex(level, length)) {
      this.fail(`there is no level ${shownValue(level)}`, `use an index from 0 to ${length - 1}`);
    }
  }

  problem<Problem extends TaskProblem>(call: string, problem: Problem): Problem {
    const candidate: unknown = problem;
    const fields = ['expression', 'answer'] as const;
    const odd = isObject(candidate) ? fields.find((key) => typeof candidate[key] !== 'string') : 'problem';
    if (odd === undefined) return problem;
    const value = odd === 'problem' ? candidate : isObject(candidate) && candidate[odd];
    const fix = orAsync(problem, 'return { expression, answer }, both texts');
    return this.fail(`${call} has the ${odd} ${shownValue(value)}`, fix);
  }

  /** @param least the fewest ids. */
  ids(call: string, ids: readonly number[], least: number): number[] {
    if (!Array.isArray(ids)) {
      const array = ArrayBuffer.isView(ids) ? ': an array, such as Array.from of a typed one' : '';
      this.fail(`${call} gave ${shownValue(ids)}`, orAsync(ids, `return a list of token ids${array}`));
    }
    if (ids.length < least) this.fail(`${call} gave no tokens`, 'return at least one token id');
    const odd = ids.findIndex((id) => !isIndex(id, this.given.vocabSize));
    if (odd >= 0) this.fail(`${call} has the id ${shownValue(ids[odd])} at index ${odd}`, this.#idsFix());
    return [...ids];
  }

  example(call: string, example: Example): Example {
    if (!isObject(example) || 'then' in example) {
      this.fail(`${call} gave ${shownValue(example)}`, orAsync(example, 'return { tokens, promptLength }'));
    }
    const tokens = this.ids(call, example.tokens, 2);
    const { promptLength } = example;
    if (!isInteger(promptLength, 1, tokens.length - 1)) {
      const fix = `return how many of its ${tokens.length} tokens are the prompt: at least 1, and not all`;
      this.fail(`${call} has the promptLength ${shownValue(promptLength)}`, fix);
    }
    return { ...example, tokens, promptLength };
  }

  graded(call: string, graded: Graded): Graded {
    if (!isObject(graded)) this.fail(`${call} gave ${shownValue(graded)}`, 'return { outcome, answer }');
    const { outcome, answer } = graded;
    if (!OUTCOMES.includes(outcome)) {
      this.fail(
        `${call} has the outcome ${shownValue(outcome)}`,
        orAsync(graded, `return one of ${OUTCOMES.map(shownValue).join(', ')}`),
      );
    }
    if (answer !== null && typeof answer !== 'string') {
      this.fail(`${call} has the answer ${shownValue(answer)}`, 'return a text, or null without an answer');
    }
    return graded;
  }

  credit(call: string, credit: number): number {
    if (typeof credit === 'number' && credit >= 0 && credit <= 1) return credit;
    return this.fail(`${call} gave ${shownValue(credit)}`, orAsync(credit, 'return a number from 0 to 1'));
  }

  #idsFix(): string {
    return `use integers from 0 to ${this.given.vocabSize - 1}, the ids of its tokenizer`;
  }
}
