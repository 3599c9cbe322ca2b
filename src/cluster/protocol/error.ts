/** The error of work on many machines. What comes from another machine is untrusted: it is made printable before it enters a message. */
import { MathformerError } from '../../base/errors.ts';

/** The fault. */
export type ClusterErrorCode =
  /** No server answers at the address, or the connection is lost for good. */
  | 'SERVER_UNREACHABLE'
  /** The server does not accept the credentials, or they have expired. */
  | 'NOT_AUTHORIZED'
  /** The server lacks JetStream, is too old, or has too little room. */
  | 'SERVER_UNFIT'
  /** Another process trains the same run. */
  | 'SUPERSEDED'
  /** A wait reached its deadline. The message names what is missing. */
  | 'DEADLINE'
  /** A message is not what the protocol says. */
  | 'BAD_MESSAGE'
  /** A trainer refuses this worker. */
  | 'REFUSED';

/** An expected failure of work on many machines. */
export class ClusterError extends MathformerError {
  declare readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, where: string, problem: string, fix: string, options?: ErrorOptions) {
    super(problem, { code, where, fix }, options);
  }
}
