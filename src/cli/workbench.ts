/** What every kind of training works with: the run it records, the model it changes, and the problems it is judged by. */
import type { Checkpoint } from '../model/checkpoint/index.ts';
import type { Evaluation } from '../model/evaluate.ts';
import type { Run } from '../runs/run.ts';
import { ARITHMETIC } from '../tasks/arithmetic.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import type { Reporter } from './reporter.ts';
import type { StopRequest } from './stopRequest.ts';

/** The model in training. */
export interface Subject {
  /** Answers the held-out problems. */
  evaluate(onProgress: (done: number) => void): Promise<Evaluation>;
  /** Its present weights. */
  checkpoint(): Promise<Checkpoint>;
}

/** Thrown out of an evaluation that was asked to stop. */
class Stopped extends Error {}

export class Workbench {
  constructor(
    readonly run: Run,
    readonly reporter: Reporter,
    readonly stop: Pick<StopRequest, 'requested'>,
    readonly subject: Subject,
    readonly problems: readonly TaskProblem[],
    readonly task: Task = ARITHMETIC,
  ) {}

  /**
   * Which of the held-out problems the model answers correctly; null if a stop was requested before all were answered.
   * Given a name, keeps the completions as `<name>_completions.jsonl` and shows a bar on a terminal.
   */
  async evaluate(name?: string): Promise<readonly boolean[] | null> {
    const { length } = this.problems;
    const bar = name === undefined ? undefined : this.reporter.bar('Evaluating', length);
    try {
      const { correct, completions } = await this.subject.evaluate((done) => {
        bar?.update(done);
        // After the last problem the answer is there, and losing it would be a pity.
        if (this.stop.requested && done < length) throw new Stopped();
      });
      if (name !== undefined) {
        this.run.writeLines(
          `${name}_completions.jsonl`,
          completionRows(this.task, this.problems, completions),
        );
      }
      return correct;
    } catch (error) {
      if (error instanceof Stopped) return null;
      throw error;
    } finally {
      bar?.stop();
    }
  }

  /** Saves the model as `checkpoints/<name>.safetensors` of the run and returns the path. */
  async save(name: string): Promise<string> {
    return this.run.saveCheckpoint(name, await this.subject.checkpoint());
  }
}

/** What the model wrote, what it should have answered, and the verdict. */
export function completionRows(
  task: Task,
  problems: readonly TaskProblem[],
  completions: Evaluation['completions'],
): object[] {
  return problems.map((problem, id) => {
    const tokens = completions[id]?.tokens ?? [];
    const { answer, outcome } = task.grade(problem, tokens);
    const { expression, answer: expected } = problem;
    return { id, expression, completion: task.tokenizer.decode(tokens), answer, expected, verdict: outcome };
  });
}
