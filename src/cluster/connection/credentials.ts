/** Reads a credentials file: the JWT of a user and the seed of its key, as NATS tools write it. */

import { type ClaimsData, decode, type Permissions, type User } from '@nats-io/jwt';
import { type Authenticator, credsAuthenticator } from '@nats-io/nats-core';
import { ClusterError } from '../protocol/error.ts';

/** The content of a credentials file. */
export interface Credentials {
  /** The public key of the user. */
  readonly key: string;
  /** The name that its owner gave the user. */
  readonly name: string;
  /** The user's permissions, as its account says. The server decides. */
  readonly permissions: Permissions;
  /** The time after which the server refuses them; undefined if they do not expire. */
  readonly expires: Date | undefined;
  readonly authenticator: Authenticator;
}

const JWT = /-----BEGIN NATS USER JWT-----\s+([\w.-]+)\s/;

/** Read the content of a credentials file. @throws ClusterError (`NOT_AUTHORIZED`) if it is none, or not of a user. */
export function readCredentials(content: string): Credentials {
  // The authenticator does not know the line ends of Windows.
  const text = `${content.replaceAll('\r\n', '\n')}\n`;
  const authenticator = credsAuthenticator(new TextEncoder().encode(text));
  const { sub: key, name, nats, exp } = claimsOf(text, authenticator);
  const { pub, sub, resp } = nats;
  const permissions = { ...(pub && { pub }), ...(sub && { sub }), ...(resp && { resp }) };
  const expires = exp === undefined ? undefined : new Date(exp * 1000);
  return { key, name, permissions, expires, authenticator };
}

function claimsOf(text: string, authenticator: Authenticator): ClaimsData<User> {
  const fix = 'give the file that the server made for this user, whole';
  const [, jwt = ''] = JWT.exec(text) ?? [];
  try {
    const claims = decode<User>(jwt);
    const signed = authenticator('nonce');
    const isKey = signed && 'nkey' in signed && signed.nkey === claims.sub && claims.sub.startsWith('U');
    if (!isKey) throw new Error('another key');
    return claims;
  } catch (cause) {
    const problem = 'the credentials are not the JWT of a user and the seed of its key';
    throw new ClusterError('NOT_AUTHORIZED', 'credentials', problem, fix, { cause });
  }
}
