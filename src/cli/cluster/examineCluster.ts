/** Examines a server for rollouts: what it can do, who is there, and what credentials let one do. */
import { type JetStreamAccountStats, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/nats-core';
import { MathformerError, problemOf } from '../../base/errors.ts';
import { askAll } from '../../cluster/connection/askAll.ts';
import type { Connect, ConnectOptions } from '../../cluster/connection/connection.ts';
import { readCredentials } from '../../cluster/connection/credentials.ts';
import { ROLES, type Role, rolesOf } from '../../cluster/connection/permissions.ts';
import { isForbidden } from '../../cluster/connection/requestFailure.ts';
import {
  type Refusal,
  type TrainerCard,
  type WorkerCard,
  workerCardSchema,
} from '../../cluster/protocol/messages.ts';
import { WHO_SUBJECT, type WorkerId, workerName } from '../../cluster/protocol/subjects.ts';
import { CHUNK_BYTES } from '../../cluster/trainer/policyStore.ts';
import { findTrainers } from '../../cluster/worker/findRun.ts';

/** The oldest server for open networks, by its security fixes. */
const SAFE_VERSION = [2, 14] as const;
/** Bytes of a message beside a chunk of weights: its subject and headers. */
const OVERHEAD = 1024;
/** Attempts at the time of a round trip. */
const PINGS = 5;
const DAY_MS = 86_400_000;
/** Days before the end of credentials at which a warning begins. */
const SOON = 7;

/** The server. */
export interface ServerReport {
  readonly url: string;
  readonly version: string;
  readonly isEncrypted: boolean;
  /** Milliseconds of a round trip, the best of a few. */
  readonly latency: number;
  /** Most bytes of a message. */
  readonly maxPayload: number;
  readonly hasJetStream: boolean;
  /** Bytes of all streams, and the most there may be (-1 for no limit); null if these credentials may not ask. */
  readonly storage: { readonly used: number; readonly most: number } | null;
}

/** The user that the server takes this process for. */
export interface IdentityReport {
  /** Null for a server that asks for no credentials. */
  readonly credentials: {
    readonly name: string;
    readonly key: string;
    readonly expires: string | null;
  } | null;
  /** The work that one may do there. */
  readonly roles: readonly Role[];
}

/** A refusal of a worker by a run. */
export interface RefusedBy extends Refusal {
  readonly run: string;
}

/** A worker, as it says itself or as a trainer knows it. */
export interface FoundWorker extends WorkerCard {
  /** The name in metrics. */
  readonly id: string;
  /** True if it answered just now; null if these credentials may not ask. */
  readonly answers: boolean | null;
  readonly refusals: readonly RefusedBy[];
}

/** All that was found. */
export interface ClusterReport {
  /** True if a trainer or a worker can work there. */
  readonly usable: boolean;
  readonly server: ServerReport | null;
  readonly identity: IdentityReport | null;
  readonly trainers: readonly Omit<TrainerCard, 'workers'>[];
  readonly workers: readonly FoundWorker[];
  /** Problems that keep everybody from working there. */
  readonly problems: readonly Advice[];
  readonly warnings: readonly Advice[];
}

/** A problem, and what to do. */
export interface Advice {
  readonly code: string;
  readonly problem: string;
  readonly fix: string;
}

/** Examine a server. Without a connection nothing is thrown: `problems` and `usable` say so. */
export async function examineCluster(connect: Connect, options: ConnectOptions): Promise<ClusterReport> {
  let nats: NatsConnection;
  try {
    ({ nats } = await connect(options));
  } catch (error) {
    if (!(error instanceof MathformerError)) throw error;
    const problems = [{ code: error.code, problem: problemOf(error), fix: error.fix }];
    return { usable: false, server: null, identity: null, trainers: [], workers: [], problems, warnings: [] };
  }
  try {
    const server = await serverReport(nats, options.url);
    const identity = identityReport(options.credentials);
    const [cards, answers] = await Promise.all([
      unlessForbidden(findTrainers(nats, { withWorkers: true })),
      unlessForbidden(askAll(nats, WHO_SUBJECT, workerCardSchema)),
    ]);
    const problems = [...serverProblems(server), ...identityProblems(identity)];
    return {
      usable: problems.length === 0,
      server,
      identity,
      trainers: (cards ?? []).map(({ workers, ...trainer }) => trainer),
      workers: mergedWorkers(cards ?? [], answers),
      problems,
      warnings: [
        ...serverWarnings(server, options.credentials !== undefined),
        ...identityWarnings(identity),
        ...(cards === undefined ? [MAY_NOT_ASK('trainers')] : []),
        ...(answers === undefined ? [MAY_NOT_ASK('workers')] : []),
      ],
    };
  } finally {
    await nats.close();
  }
}

async function serverReport(nats: NatsConnection, url: string): Promise<ServerReport> {
  const {
    version = 'unknown',
    max_payload = 0,
    tls_required,
    tls_available,
    jetstream: isOn,
  } = nats.info ?? {};
  const trips: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const start = performance.now();
    await nats.flush();
    trips.push(performance.now() - start);
  }
  const account = isOn ? await accountOf(nats) : undefined;
  return {
    url,
    version,
    isEncrypted: /^(?:tls|wss):/i.test(url) || tls_required === true || tls_available === true,
    latency: Math.min(...trips),
    maxPayload: max_payload,
    hasJetStream: account !== undefined,
    storage: account ? { used: account.storage, most: account.limits.max_storage } : null,
  };
}

/** Ask for the account's JetStream. @returns null if these credentials may not ask; undefined if it has none. */
async function accountOf(nats: NatsConnection): Promise<JetStreamAccountStats | null | undefined> {
  try {
    return await (await jetstream(nats).jetstreamManager(false)).getAccountInfo();
  } catch (error) {
    return isForbidden(error) ? null : undefined;
  }
}

function identityReport(content: string | undefined): IdentityReport {
  if (content === undefined) return { credentials: null, roles: ROLES };
  const { key, name, expires, permissions } = readCredentials(content);
  const credentials = { name, key, expires: expires?.toISOString() ?? null };
  return { credentials, roles: rolesOf(permissions, key) };
}

/** Wait for answers; undefined if these credentials may not ask. */
async function unlessForbidden<Answers>(answers: Promise<Answers>): Promise<Answers | undefined> {
  try {
    return await answers;
  } catch (error) {
    if (isForbidden(error)) return undefined;
    throw error;
  }
}

const MAY_NOT_ASK = (whom: string): Advice => ({
  code: 'MAY_NOT_ASK',
  problem: `these credentials may not ask which ${whom} are there`,
  fix: "use the doctor's: credentials/doctor.creds of `mathformer cluster init`",
});

/** Join the workers that answered with those that trainers know. */
function mergedWorkers(
  trainers: readonly TrainerCard[],
  answers: readonly WorkerCard[] | undefined,
): FoundWorker[] {
  const nameOf = (card: WorkerId): string => `${card.key}.${card.instance}`;
  const found = new Map<string, { card: WorkerCard; answers: boolean | null; refusals: RefusedBy[] }>();
  for (const card of answers ?? []) found.set(nameOf(card), { card, answers: true, refusals: [] });
  const silent = answers === undefined ? null : false;
  for (const { run, workers } of trainers) {
    for (const { card, refusal } of workers) {
      const worker = found.get(nameOf(card)) ?? { card, answers: silent, refusals: [] };
      if (refusal) worker.refusals.push({ run, ...refusal });
      found.set(nameOf(card), worker);
    }
  }
  return [...found.values()].map(({ card, ...others }) => ({ ...card, id: workerName(card), ...others }));
}

function serverProblems({ hasJetStream, maxPayload }: ServerReport): Advice[] {
  const problems: Advice[] = [];
  if (!hasJetStream) {
    const fix = 'start it with a `jetstream {}` block in its configuration, as deploy/nats.conf has';
    problems.push({
      code: 'SERVER_UNFIT',
      problem: 'the server has no JetStream for these credentials',
      fix,
    });
  }
  if (maxPayload < CHUNK_BYTES + OVERHEAD) {
    const problem = `the server takes messages of ${maxPayload} bytes at most; weights travel in pieces of ${CHUNK_BYTES}`;
    problems.push({ code: 'SERVER_UNFIT', problem, fix: 'set max_payload: 1MB in its configuration' });
  }
  return problems;
}

function serverWarnings({ version, isEncrypted }: ServerReport, hasCredentials: boolean): Advice[] {
  const warnings: Advice[] = [];
  if (isOlder(version)) {
    const problem = `nats-server ${version} lacks security fixes that open networks need`;
    const fix = `use ${SAFE_VERSION.join('.')} or later there; in a network that you trust it is enough`;
    warnings.push({ code: 'SERVER_OLD', problem, fix });
  }
  if (!isEncrypted) {
    const problem =
      'the connection is not encrypted: whoever reads the network reads weights and completions';
    const fix = hasCredentials ? 'set up TLS' : 'set up TLS and credentials (mathformer cluster init)';
    warnings.push({ code: 'NOT_ENCRYPTED', problem, fix: `in a network that you do not trust, ${fix}` });
  }
  return warnings;
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < SAFE_VERSION[0] || (major === SAFE_VERSION[0] && minor < SAFE_VERSION[1]);
}

function identityProblems({ roles }: IdentityReport): Advice[] {
  if (roles.length > 0) return [];
  const problem = 'these credentials are enough for no work here';
  return [{ code: 'NOT_AUTHORIZED', problem, fix: 'make others with `mathformer cluster add`' }];
}

function identityWarnings({ credentials }: IdentityReport): Advice[] {
  const days = (Date.parse(credentials?.expires ?? '') - Date.now()) / DAY_MS;
  if (!credentials || !(days < SOON)) return [];
  const problem = `these credentials expire at ${credentials.expires}`;
  return [{ code: 'EXPIRES_SOON', problem, fix: 'make new ones with `mathformer cluster add`' }];
}
