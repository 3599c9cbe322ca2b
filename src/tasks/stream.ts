/** Endless streams of a task's problems and examples. Item i depends only on (task, seed, stream, i, level). */
import { RandomStream } from '../base/randomStream.ts';
import type { Example, Task, TaskProblem } from './task.ts';

/** Lane of the random numbers for an example's form, separate from those for its problem. */
export const FORM_LANE = 1;

/** Options of a stream. */
export interface TaskStreamOptions {
  readonly seed: number;
  /** The number of the stream. */
  readonly stream: number;
  /** Index of the level of its problems. Default: the last. */
  readonly level?: number;
}

/** Return problems or examples, one after another. */
export class TaskStream<Problem extends TaskProblem = TaskProblem> {
  readonly options: Required<TaskStreamOptions>;
  /** Index of the next item, which is all that is needed to resume. */
  cursor = 0;

  constructor(
    readonly task: Task<Problem>,
    options: TaskStreamOptions,
  ) {
    this.options = { level: task.levels.length - 1, ...options };
  }

  /** Return the next problem, of this level. */
  next(level = this.options.level): Problem {
    return this.task.draw(this.#random(this.cursor++), level);
  }

  /** Return the next problem as an example. */
  nextExample(): Example {
    const form = this.#random(this.cursor, FORM_LANE);
    return this.task.example(this.next(), form);
  }

  #random(item: number, lane = 0): RandomStream {
    const { seed, stream } = this.options;
    return new RandomStream({ seed, stream, item, lane });
  }
}
