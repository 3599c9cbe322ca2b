/**
 * The epoch of a run: it rises at every start of a trainer, by compare-and-swap on the server. A trainer that sees a later one
 * has been replaced, and ends.
 */
import type { JetStreamClient } from '@nats-io/jetstream';
import { type KV, Kvm } from '@nats-io/kv';
import { type NatsConnection, nuid } from '@nats-io/nats-core';
import { z } from 'zod';
import { ClusterError } from '../protocol/error.ts';
import { RUNS_BUCKET } from '../protocol/subjects.ts';

/** Attempts to raise the epoch while others raise it, too. */
const ATTEMPTS = 20;

const claimSchema = z.object({ epoch: z.int().min(0), trainer: z.string().max(100) });
type Claim = z.output<typeof claimSchema>;

/** An epoch that this trainer claimed. */
export class Epoch {
  private constructor(
    private readonly kvm: Kvm,
    readonly run: string,
    private readonly claim: Claim,
    /** The bucket of runs. */
    public kv: KV,
  ) {}

  get number(): number {
    return this.claim.epoch;
  }

  /** Claim the next epoch of a run. @throws ClusterError (`SUPERSEDED`) if others claim it again and again. */
  static async claim(js: JetStreamClient, run: string): Promise<Epoch> {
    const kvm = new Kvm(js);
    const kv = await bucket(kvm);
    const trainer = nuid.next();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { claim, revision } = await read(kv, run);
      // Above all that a server had before it lost what it stored: workers know the latest epoch.
      const epoch = Math.max((claim?.epoch ?? 0) + 1, Math.floor(Date.now() / 1000));
      const next = { epoch, trainer };
      if (await swapped(kv, run, next, revision)) return new Epoch(kvm, run, next, kv);
    }
    throw superseded(run);
  }

  /** Check that no other trainer claimed the run. @throws ClusterError (`SUPERSEDED`) */
  async confirm(): Promise<void> {
    this.#refuse((await read(this.kv, this.run)).claim);
  }

  /** Claim the same epoch again if the server has lost it. @throws ClusterError (`SUPERSEDED`) */
  async restore(): Promise<void> {
    this.kv = await bucket(this.kvm);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { claim, revision } = await read(this.kv, this.run);
      if (this.#isSame(claim)) return;
      this.#refuse(claim);
      if (await swapped(this.kv, this.run, this.claim, revision)) return;
    }
    throw superseded(this.run);
  }

  /**
   * Hear of later claims at once. The connection renews the subscription by itself. Without the permission to subscribe, later
   * claims are found by `confirm`.
   */
  watch(nats: NatsConnection, onSuperseded: (error: ClusterError) => void): void {
    nats.subscribe(`$KV.${RUNS_BUCKET}.${this.run}`, {
      callback: (refused, message) => {
        if (refused) return;
        try {
          this.#refuse(parsed(message.data));
        } catch (later) {
          if (later instanceof ClusterError) onSuperseded(later);
        }
      },
    });
  }

  #isSame(claim: Claim | undefined): boolean {
    return claim?.epoch === this.claim.epoch && claim.trainer === this.claim.trainer;
  }

  /** @throws ClusterError (`SUPERSEDED`) for another trainer's claim that is not older. */
  #refuse(claim: Claim | undefined): void {
    if (claim && claim.epoch >= this.claim.epoch && !this.#isSame(claim)) throw superseded(this.run);
  }
}

const bucket = (kvm: Kvm): Promise<KV> => kvm.create(RUNS_BUCKET, { history: 1 });

async function read(kv: KV, run: string): Promise<{ claim: Claim | undefined; revision: number }> {
  const entry = await kv.get(run);
  return { claim: entry ? parsed(entry.value) : undefined, revision: entry?.revision ?? 0 };
}

/** Read a claim; one that nobody can read counts as none. */
function parsed(bytes: Uint8Array): Claim | undefined {
  try {
    return claimSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes))).data;
  } catch {
    return undefined;
  }
}

/** Write a claim if the entry still has that revision. @returns false if it has another. */
async function swapped(kv: KV, run: string, claim: Claim, revision: number): Promise<boolean> {
  try {
    await kv.put(run, JSON.stringify(claim), { previousSeq: revision });
    return true;
  } catch (error) {
    if ((await read(kv, run)).revision !== revision) return false;
    throw error;
  }
}

const superseded = (run: string): ClusterError =>
  new ClusterError(
    'SUPERSEDED',
    run,
    'another process trains the same run now',
    'let it go on, or end it and resume the run',
  );
