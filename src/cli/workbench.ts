/** What every kind of training works with: the run it records, the model it changes, and the problems it is judged by. */
import type { Checkpoint } from '../formats/index.ts';
import type { Evaluation } from '../model/evaluate.ts';
import type { TrainingState } from '../model/trainingState.ts';
import type { Run } from '../runs/run.ts';
import type { Task, TaskProblem } from '../tasks/task.ts';
import type { PhaseName, PhaseResult, Totals } from '../training/sessionState.ts';
import type { Reporter } from './reporter.ts';
import type { ResumePoint } from './resumePoint.ts';
import type { StopRequest } from './stopRequest.ts';

/** The model in training. */
export interface Subject {
  /** Answers the held-out problems. */
  evaluate(onProgress: (done: number) => void): Promise<Evaluation>;
  /** Its present weights. */
  checkpoint(): Promise<Checkpoint>;
}

/** A checkpoint of a phase of training. */
export interface Milestone {
  readonly name: string;
  readonly phase: PhaseName;
  /** What the phase took so far. */
  readonly totals: Totals;
  /** Whether it is there only until the next one is. */
  readonly temporary: boolean;
  /** What an evaluation of it found; null without one. */
  readonly accuracy: number | null;
}

/** Thrown out of an evaluation that was asked to stop. */
class Stopped extends Error {}

/** The task, and parts of a workbench that have defaults. */
export interface WorkbenchOptions {
  readonly task: Task;
  /** Where the run goes on from, if it was begun before. */
  readonly resumed?: ResumePoint | undefined;
  /** Checkpoints to keep besides the best one; 0 keeps all. */
  readonly keepLast?: number;
  /** Says what trainers advise by what the command takes; unchanged unless given. */
  readonly advice?: (advice: string) => string;
}

export class Workbench {
  readonly task: Task;
  readonly resumed: ResumePoint | undefined;
  /** Phases that are over. */
  readonly finished: { [phase in PhaseName]?: PhaseResult | undefined };
  readonly advice: (advice: string) => string;
  readonly #keepLast: number;

  constructor(
    readonly run: Run,
    readonly reporter: Reporter,
    readonly stop: Pick<StopRequest, 'requested'>,
    readonly subject: Subject,
    readonly problems: readonly TaskProblem[],
    { task, resumed, keepLast = 0, advice = (text) => text }: WorkbenchOptions,
  ) {
    this.task = task;
    this.resumed = resumed;
    this.finished = { ...resumed?.session.finished };
    this.#keepLast = keepLast;
    this.advice = advice;
  }

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
        this.run.writeLines(completionsFile(name), completionRows(this.task, this.problems, completions));
      }
      return correct;
    } catch (error) {
      if (error instanceof Stopped) return null;
      throw error;
    } finally {
      bar?.stop();
    }
  }

  /** What was answered under that name before, by the verdicts kept; undefined if it was not, or not by all problems. */
  earlier(name: string): readonly boolean[] | undefined {
    const rows = this.resumed && this.run.readLines(completionsFile(name));
    return rows?.length === this.problems.length ? rows.map(isCorrect) : undefined;
  }

  /** Saves all that is needed to go on from here, and returns the path of the weights. */
  async save({ name, phase, totals, temporary, accuracy }: Milestone, state: TrainingState): Promise<string> {
    const model = await this.subject.checkpoint();
    const session = { phase, totals, rows: this.run.syncedRows(), finished: this.finished };
    const options = { name, step: totals.steps, temporary, keepLast: this.#keepLast, accuracy };
    return this.run.checkpoints.save({ model, state, session }, options);
  }

  /** Saves the weights alone as `checkpoints/<name>.safetensors` of the run and returns the path. */
  async saveWeights(name: string): Promise<string> {
    return this.run.saveCheckpoint(name, await this.subject.checkpoint());
  }
}

const completionsFile = (name: string): string => `${name}_completions.jsonl`;

const isCorrect = (row: unknown): boolean =>
  typeof row === 'object' && row !== null && 'verdict' in row && row.verdict === 'correct';

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
