/** Tells failures of requests apart. */
import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { ClusterError } from '../protocol/error.ts';

/** Tell whether the server does not permit a request. */
export function isForbidden(error: unknown): boolean {
  return forbidden(error) !== undefined;
}

/** Tell whether a request may succeed later: nobody answered, the connection was lost, or a stream is not there yet. */
export function isUnanswered(error: unknown): boolean {
  if (!(error instanceof Error) || isForbidden(error)) return false;
  return PASSING.some((kind) => error instanceof kind) || isUnanswered(error.cause);
}

/** Failures that may pass. A server without JetStream may still be starting: the client wraps that nobody answered. */
const PASSING = [
  errors.TimeoutError,
  errors.NoRespondersError,
  errors.RequestError,
  errors.ClosedConnectionError,
  JetStreamError,
  JetStreamApiError,
];

/** Return the error for a request that the server does not permit to a worker; any other error unchanged. */
export function workerError(error: unknown): unknown {
  const violation = forbidden(error);
  if (!violation) return error;
  const fix = 'use credentials made for a worker (mathformer cluster add)';
  return new ClusterError('NOT_AUTHORIZED', violation.subject, violation.problem, fix, { cause: error });
}

/** Return the subject and the problem of a request that the server does not permit; undefined for any other error. */
export function forbidden(
  error: unknown,
): { readonly subject: string; readonly problem: string } | undefined {
  if (error instanceof errors.PermissionViolationError) {
    const { operation, subject } = error;
    const what = operation === 'publish' ? `publish to ${subject}` : `subscribe to ${subject}`;
    return { subject, problem: `the server does not let these credentials ${what}` };
  }
  return error instanceof Error ? forbidden(error.cause) : undefined;
}
