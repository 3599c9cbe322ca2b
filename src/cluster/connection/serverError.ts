/** Words for failures of requests to the server. */
import { JetStreamApiError } from '@nats-io/jetstream';
import { errors } from '@nats-io/nats-core';
import { problemOf } from '../../base/errors.ts';
import { ClusterError } from '../protocol/error.ts';
import { forbidden } from './requestFailure.ts';

/** Codes of JetStream's errors: no room for a stream, or in it. */
const NO_ROOM = new Set([10023, 10047, 10077, 10122]);
/** Texts of JetStream's errors about room, which share a code with others. */
const NO_ROOM_TEXT = /insufficient|exceeded|no space/i;

/** Return the error of a request to the server. @param doing the request, such as `declare the streams`. */
export function serverError(error: unknown, doing: string): ClusterError {
  if (error instanceof ClusterError) return error;
  const violation = forbidden(error);
  if (violation) {
    const fix = "use the trainer's credentials";
    return new ClusterError('NOT_AUTHORIZED', doing, violation.problem, fix, { cause: error });
  }
  const make = (code: ClusterError['code'], problem: string, fix: string) =>
    new ClusterError(code, doing, `the server ${problem}`, fix, { cause: error });
  if (causes(error).some(isNotEnabled)) {
    const fix = 'start it with JetStream: nats-server -js, or a `jetstream {}` block in its configuration';
    return make('SERVER_UNFIT', 'has no JetStream', fix);
  }
  if (isNoRoom(error)) {
    const fix = 'give it more room (max_file_store in its configuration), or delete old streams';
    return make('SERVER_UNFIT', `has too little room to ${doing}: ${problemOf(error)}`, fix);
  }
  if (causes(error).some((each) => each instanceof errors.TimeoutError)) {
    const fix = 'check the network, and that the server is not overloaded';
    return make('DEADLINE', `did not answer the request to ${doing}`, fix);
  }
  const fix = "see the server's log";
  return make('SERVER_UNFIT', `refused to ${doing}: ${problemOf(error)}`, fix);
}

/** Tell whether a stream has no room for a message: it has to wait. */
export function isNoRoom(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return false;
  return NO_ROOM.has(error.code) || NO_ROOM_TEXT.test(error.message);
}

/** The library does not export the error's class. */
const isNotEnabled = (error: unknown): boolean =>
  error instanceof Error && (error.name === 'JetStreamNotEnabled' || /not enabled/i.test(error.message));

/** Return an error and its causes. */
function causes(error: unknown): unknown[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
