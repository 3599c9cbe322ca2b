import { MathformerError } from '../base/errors.ts';

/** A model config that no model can have. */
export class ModelConfigError extends MathformerError {
  readonly problem: string;

  constructor(where: string, problem: string, fix: string) {
    super(`${where}: ${problem}`, { code: 'BAD_MODEL_CONFIG', where, fix });
    this.problem = problem;
  }
}
