/** Credentials that a person gives: a file of NATS, or its text. They are checked where they are used. */

/** Given credentials. */
export interface GivenCredentials {
  readonly text: string;
  /** Says where they came from. */
  readonly from: string;
}

/** Bytes of the largest file that can be one. */
export const MOST_BYTES = 100_000;

/** Return whether a text has the parts of a credentials file: a JWT and a seed. */
export const looksLikeCredentials = (text: string): boolean =>
  /-----BEGIN NATS USER JWT-----/.test(text) && /-----BEGIN USER NKEY SEED-----/.test(text);

export const NO_CREDENTIALS =
  'This is no file of credentials: it has a part BEGIN NATS USER JWT and a part BEGIN USER NKEY SEED.';
