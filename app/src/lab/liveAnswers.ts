/** The answer of the model in training to a question that the person typed. Training has the same bits with and without it. */
import { Sampler, type Transformer } from 'mathformer/model';
import type { Task } from 'mathformer/tasks';
import type { LiveAnswer } from './protocol.ts';

/** Least time between two answers while steps follow each other faster than anybody reads. */
const LEAST_MS = 150;

export class LiveAnswers {
  #question: string;
  #sampler: Sampler | undefined;
  #task: Task | undefined;
  #longest = 0;
  #at: { readonly phase: string; readonly step: number } = { phase: '', step: 0 };
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(
    question: string,
    private readonly tell: (answer: LiveAnswer) => void,
    private readonly refuse: (question: string, problem: string) => void,
  ) {
    this.#question = question;
  }

  /** Ask a model from now on. It has a sampler of its own, so that the one of the training is not touched. */
  ask(model: Transformer, task: Task, longest: number): void {
    this.#sampler?.dispose();
    this.#sampler = new Sampler(model, { eos: task.tokenizer.eos });
    this.#task = task;
    this.#longest = longest;
  }

  /** Answer another question from now on. */
  replace(question: string): void {
    this.#question = question;
    this.#answeredAt = Number.NEGATIVE_INFINITY;
  }

  /** Answer after a step. */
  async after(phase: string, step: number): Promise<void> {
    this.#at = { phase, step };
    const now = performance.now();
    if (now - this.#answeredAt < LEAST_MS && phase === 'pretrain') return;
    this.#answeredAt = now;
    await this.answer();
  }

  /** Answer now. */
  async answer(): Promise<void> {
    const sampler = this.#sampler;
    const task = this.#task;
    const question = this.#question.trim();
    if (!sampler || !task || question === '') return;
    let problem: ReturnType<NonNullable<Task['problemOf']>>;
    try {
      if (!task.problemOf) return this.refuse(question, `the task ${task.name} takes no questions`);
      problem = task.problemOf(question);
    } catch (error) {
      return this.refuse(question, error instanceof Error ? error.message : String(error));
    }
    const options = { maxNewTokens: this.#longest, temperature: 0, seed: 0 };
    const [completion] = await sampler.generate([task.prompt(problem)], options);
    if (!completion) return;
    const { answer, outcome } = task.grade(problem, completion.tokens);
    this.tell({
      ...this.#at,
      question,
      completion: task.tokenizer.decode(completion.tokens),
      answer,
      expected: problem.answer,
      correct: outcome === 'correct',
      logp: completion.logps.reduce((sum, logp) => sum + logp, 0),
    });
  }

  dispose(): void {
    this.#sampler?.dispose();
    this.#sampler = undefined;
  }
}
