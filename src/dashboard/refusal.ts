/** Answers to requests that fail. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { MathformerError, problemOf } from '../base/errors.ts';

/** Answer with an error as JSON: its code, what is wrong, and the fix. */
export function refusal(
  c: Context,
  status: ContentfulStatusCode,
  code: string,
  problem: string,
  fix: string,
): Response {
  return c.json({ error: { code, problem, fix } }, status);
}

/** Answer that an error was thrown. */
export function failure(c: Context, error: unknown): Response {
  if (error instanceof MathformerError) return refusal(c, 500, error.code, problemOf(error), error.fix);
  return refusal(c, 500, 'INTERNAL', problemOf(error), 'look at the output of the command for the cause');
}
