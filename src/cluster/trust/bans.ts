/**
 * Workers that lied, kept on the server beside the run's epoch. A ban is of a key, as the server vouches for it; on a server
 * without authentication, where all have one key, it is of the instance, and a liar that starts again is another one.
 */
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import type { Refusal } from '../protocol/messages.ts';
import { OPEN_KEY, type WorkerId, workerName } from '../protocol/subjects.ts';

/** Bans that are kept, the latest ones. More come only from instances on an open server. */
const MOST_BANS = 1000;

const banSchema = z.object({
  key: z.string().max(64),
  /** Null if the key is banned, with all its instances. */
  instance: z.string().max(64).nullable(),
  /** The lie. */
  problem: z.string().max(1000),
  /** ISO 8601. */
  time: z.string().max(40),
});
const bansSchema = z.array(banSchema).max(MOST_BANS);

/** A ban in the form that the server keeps. */
export type Ban = Readonly<z.output<typeof banSchema>>;

/** The entry of a run's bans in the bucket of runs. */
export const bansEntry = (run: string): string => `${run}.banned`;

/** Bans of a run. They hold at once; `save` and `load` carry them from one trainer of the run to the next. */
export class Bans {
  #bans = new Map<string, Ban>();

  constructor(readonly run: string) {}

  get list(): readonly Ban[] {
    return [...this.#bans.values()];
  }

  /** Return a worker's ban, if it has one. */
  of(worker: WorkerId): Ban | undefined {
    return this.#bans.get(bannedName(worker));
  }

  /** Tell whether a worker is banned, by its name in tables. */
  hasName(name: string): boolean {
    return this.list.some(({ key, instance }) =>
      instance === null ? name.startsWith(workerName({ key, instance: '' })) : name === instance,
    );
  }

  /** Ban a worker. @returns false if it was banned before. */
  add(worker: WorkerId, problem: string, now = new Date()): boolean {
    if (this.of(worker)) return false;
    const { key, instance } = worker;
    this.#keep([
      ...this.list,
      {
        key,
        instance: key === OPEN_KEY ? instance : null,
        problem: problem.slice(0, 1000),
        time: now.toISOString(),
      },
    ]);
    return true;
  }

  /** Return the refusal of a banned worker; null for another one. */
  refusal(worker: WorkerId): Refusal | null {
    const ban = this.of(worker);
    if (!ban) return null;
    const fix =
      ban.instance === null
        ? 'give this machine another key (mathformer cluster add)'
        : 'start an unchanged worker';
    return {
      reason: 'banned',
      problem: `it sent a result that was not computed: ${ban.problem}`.slice(0, 1000),
      fix,
    };
  }

  /** Add the bans that are kept on the server. An entry that nobody can read counts as none. */
  async load(kv: KV): Promise<void> {
    const entry = await kv.get(bansEntry(this.run));
    if (entry) this.#keep([...parsed(entry.value), ...this.list]);
  }

  /** Keep the bans on the server. */
  async save(kv: KV): Promise<void> {
    if (this.#bans.size > 0) await kv.put(bansEntry(this.run), JSON.stringify(this.list));
  }

  #keep(bans: readonly Ban[]): void {
    const named = bans.map((ban): [string, Ban] => [
      bannedName({ ...ban, instance: ban.instance ?? '' }),
      ban,
    ]);
    this.#bans = new Map([...new Map(named)].slice(-MOST_BANS));
  }
}

const bannedName = ({ key, instance }: WorkerId): string => (key === OPEN_KEY ? `${key}.${instance}` : key);

function parsed(bytes: Uint8Array): readonly Ban[] {
  try {
    return bansSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data ?? [];
  } catch {
    return [];
  }
}
