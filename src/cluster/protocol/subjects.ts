/**
 * Names on the server. A run has three streams: its weights (`policy`), its work items (`work`) and their results (`result`).
 * All names begin with `mf`, so that permissions can name them. Tokens of subjects have no dots.
 *
 *   mf.find                                 who trains here? answered by trainers with a `TrainerCard`, to `workers` with its workers
 *   mf.who                                  who works here? answered by workers with a `WorkerCard`
 *   mf.<run>.hello.<key>.<instance>         a worker's card; answered with a `Welcome`
 *   mf.<run>.spec                           the run's `Spec`
 *   mf.<run>.w.<epoch>.<job>                work items
 *   mf.<run>.p.<epoch>.<version>.<chunk>    weights, in chunks
 *   mf.<run>.r.<key>.<instance>.<epoch>.<item>   results
 */

/** The bucket of keys and values that keeps each run's epoch. */
export const RUNS_BUCKET = 'mf_runs';

/** The durable consumer that all workers of a run share. */
export const CONSUMER = 'workers';

/** The key of workers on a server without authentication. */
export const OPEN_KEY = 'open';

/** Subjects without a run. */
export const FIND_SUBJECT = 'mf.find';
export const WHO_SUBJECT = 'mf.who';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;

/** Tell whether a text can be a token of a subject. */
export const isToken = (text: string): boolean => TOKEN.test(text);

/** A worker. The server vouches for the key, which may be shared; a process chooses its instance. */
export interface WorkerId {
  /** The public key that the worker authenticates with, or `OPEN_KEY`. */
  readonly key: string;
  readonly instance: string;
}

/** Name of the trainer's own share in figures. */
export const TRAINER = 'trainer';

/** Name a worker in tables and files. None is named as the trainer is. */
export const workerName = ({ key, instance }: WorkerId): string =>
  key === OPEN_KEY && instance !== TRAINER ? instance : `${key.slice(0, 8)}.${instance}`;

/** The streams of a run. */
export const streamsOf = (run: string) => ({
  policy: `mf_${run}_policy`,
  work: `mf_${run}_work`,
  result: `mf_${run}_result`,
});

/** The subjects of a run. */
export class RunSubjects {
  constructor(readonly run: string) {}

  hello({ key, instance }: WorkerId): string {
    return `mf.${this.run}.hello.${key}.${instance}`;
  }

  get spec(): string {
    return `mf.${this.run}.spec`;
  }

  work(epoch: number, job: number): string {
    return `mf.${this.run}.w.${epoch}.${job}`;
  }

  chunk(epoch: number, version: number, chunk: number): string {
    return `mf.${this.run}.p.${epoch}.${version}.${chunk}`;
  }

  result({ key, instance }: WorkerId, epoch: number, item: string): string {
    return `mf.${this.run}.r.${key}.${instance}.${epoch}.${item}`;
  }

  /** The subjects of all workers, items and versions. */
  get all() {
    const { run } = this;
    return {
      hello: `mf.${run}.hello.*.*`,
      work: `mf.${run}.w.>`,
      policy: `mf.${run}.p.>`,
      result: `mf.${run}.r.>`,
    };
  }

  /** The subjects of an epoch, which are those of its streams: the server refuses what an earlier trainer or its workers publish. */
  ofEpoch(epoch: number) {
    const { run } = this;
    return {
      work: `mf.${run}.w.${epoch}.*`,
      policy: `mf.${run}.p.${epoch}.*.*`,
      result: `mf.${run}.r.*.*.${epoch}.*`,
    };
  }

  /** The chunks of a version. */
  version(epoch: number, version: number): string {
    return `mf.${this.run}.p.${epoch}.${version}.*`;
  }
}

/** Return the worker of a subject of `hello` or of a result; undefined for any other subject. */
export function workerOf(subject: string): WorkerId | undefined {
  const [, , kind, key, instance] = subject.split('.');
  if ((kind !== 'hello' && kind !== 'r') || key === undefined || instance === undefined) return undefined;
  return { key, instance };
}
