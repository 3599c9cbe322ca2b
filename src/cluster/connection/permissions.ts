/**
 * Permissions on the server, by role. A worker can do its work under its own key and nothing else: it cannot write another's
 * results, read results, or change a stream. The server refuses all that is not in these lists.
 */
import type { Permission, Permissions } from '@nats-io/jwt';
import { CONSUMER, FIND_SUBJECT, RUNS_BUCKET, WHO_SUBJECT } from '../protocol/subjects.ts';
import { covers, overlap } from './subjectPattern.ts';

/** Roles that credentials are made for. */
export const ROLES = ['trainer', 'doctor', 'worker'] as const;
/** The role of a machine: it trains, it only looks, or it samples. */
export type Role = (typeof ROLES)[number];

/** The start of the names of all inboxes. */
export const ANY_INBOX = '_INBOX';

/** Return the prefix of the inboxes of a key. Nobody else may listen there. */
export const inboxPrefix = (key: string): string => `${ANY_INBOX}_${key}`;

/** Nanoseconds in which a question may be answered. */
const ANSWER_TIME = 60e9;

/** Return the permissions of a role. @param key the public key of the user. */
export function permissionsOf(role: Role, key: string): Permissions {
  const inbox = `${inboxPrefix(key)}.>`;
  const resp = { max: 1, ttl: ANSWER_TIME };
  switch (role) {
    case 'trainer':
      return {
        pub: { allow: ['mf.>', '$JS.API.>', '$JS.ACK.>', '$JS.FC.>', `$KV.${RUNS_BUCKET}.>`] },
        sub: { allow: ['mf.>', `$KV.${RUNS_BUCKET}.>`, inbox] },
        resp,
      };
    case 'doctor':
      return {
        pub: { allow: [FIND_SUBJECT, WHO_SUBJECT, '$JS.API.INFO'] },
        sub: { allow: [inbox] },
      };
    case 'worker':
      return { pub: { allow: publishedBy(key) }, sub: { allow: [WHO_SUBJECT, inbox] }, resp };
  }
}

/** List the subjects that a worker may publish to. */
const publishedBy = (key: string): string[] => [
  FIND_SUBJECT,
  `mf.*.hello.${key}.*`,
  'mf.*.spec',
  `mf.*.r.${key}.>`,
  `$JS.API.CONSUMER.INFO.*.${CONSUMER}`,
  `$JS.API.CONSUMER.MSG.NEXT.*.${CONSUMER}`,
  // Stream and consumer come first, or, on servers that may name them, domain and account before these.
  `$JS.ACK.*.${CONSUMER}.>`,
  `$JS.ACK.*.*.*.${CONSUMER}.>`,
  // The subject of the message stands at the end: weights can be read so, work items and results cannot.
  '$JS.API.DIRECT.GET.*.mf.*.p.>',
];

/** List the roles that permissions are enough for. @param key the public key of the user. */
export const rolesOf = (permissions: Permissions, key: string): Role[] =>
  ROLES.filter((role) => {
    const needed = permissionsOf(role, key);
    const isAllowed = (kind: 'pub' | 'sub'): boolean =>
      (needed[kind]?.allow ?? []).every((pattern) => allows(permissions[kind], pattern));
    const otherInbox = `${inboxPrefix('ANOTHER')}.>`;
    const mayAnswer = !needed.resp || permissions.resp !== undefined || allows(permissions.pub, otherInbox);
    return isAllowed('pub') && isAllowed('sub') && mayAnswer;
  });

/** Tell whether all subjects of a pattern are allowed. Without a list of allowed ones, all are that are not denied. */
function allows({ allow = [], deny = [] }: Partial<Permission> = {}, pattern: string): boolean {
  const isListed = allow.length === 0 || allow.some((each) => covers(each, pattern));
  return isListed && !deny.some((each) => overlap(each, pattern));
}
