/** Endless streams of a task's problems and examples: item i is a pure function of (task, seed, stream, i, level). */
import { RandomStream } from '../base/randomStream.ts';
import type { Example, Task, TaskProblem } from './task.ts';

/** Keeps the draws for an example's form apart from those for its problem. */
const FORM_LANE = 1;

/** Which stream, and where it begins. */
export interface TaskStreamOptions {
  readonly seed: number;
  /** The number of the stream. */
  readonly stream: number;
  /** The index of the level of its problems; the last one unless given. */
  readonly level?: number;
}

/** Problems, or examples, one after another. */
export class TaskStream<Problem extends TaskProblem = TaskProblem> {
  readonly task: Task<Problem>;
  readonly options: Required<TaskStreamOptions>;
  /** The index of the item that comes next: all that is needed to go on. */
  cursor = 0;

  constructor(task: Task<Problem>, options: TaskStreamOptions) {
    this.task = task;
    this.options = { level: task.levels.length - 1, ...options };
  }

  /** The next problem, of this level. */
  next(level = this.options.level): Problem {
    return this.task.draw(this.#random(this.cursor++), level);
  }

  /** The next problem as an example. */
  nextExample(): Example {
    const form = this.#random(this.cursor, FORM_LANE);
    return this.task.example(this.next(), form);
  }

  #random(item: number, lane = 0): RandomStream {
    const { seed, stream } = this.options;
    return new RandomStream({ seed, stream, item, lane });
  }
}
