/** Weights on the server: a version for each SHA-256, in chunks. The last versions stay, others go. */
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { sha256 } from '../../base/sha256.ts';
import { writeCheckpoint } from '../../formats/index.ts';
import type { Transformer } from '../../model/transformer.ts';
import type { PolicyManifest } from '../protocol/messages.ts';
import type { RunStreams } from './streams.ts';

/** Bytes of a chunk: half of the payload that a server takes by default. */
export const CHUNK_BYTES = 512 * 1024;
/** Chunks that are under way together. */
const CHUNKS_AT_ONCE = 8;

/** Weights as a safetensors file. */
export interface PolicyFile {
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Read a model's weights: a checkpoint without further metadata. */
export async function policyFile(model: Transformer): Promise<PolicyFile> {
  const { config } = model;
  const bytes = writeCheckpoint({ config, stateDict: await model.stateDict(), metadata: new Map() });
  return { bytes, sha256: await sha256(bytes) };
}

/** The versions of a run's weights on the server. */
export class PolicyStore {
  readonly #versions: PolicyManifest[] = [];
  #next = 0;

  /** @param kept the number of versions that stay on the server. */
  constructor(
    private readonly server: { readonly js: JetStreamClient; readonly jsm: JetStreamManager },
    private readonly streams: RunStreams,
    private readonly kept: number,
  ) {}

  /** Return the version of weights, whose time of publication `onPublished` hears if they are new to the server. */
  async publish(
    { bytes, sha256 }: PolicyFile,
    onPublished: (manifest: PolicyManifest) => void = () => undefined,
  ): Promise<PolicyManifest> {
    const known = this.#versions.find((manifest) => manifest.sha256 === sha256);
    if (known) return known;
    const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
    const manifest = { version: this.#next++, sha256, bytes: bytes.length, chunks };
    await this.#send(manifest, bytes);
    onPublished(manifest);
    this.#versions.push(manifest);
    for (const old of this.#versions.splice(0, this.#versions.length - this.kept)) await this.#purge(old);
    return manifest;
  }

  /** Send a version again if the server has lost chunks of it. Other versions are forgotten. */
  async restore(manifest: PolicyManifest, bytes: Uint8Array): Promise<void> {
    const { streams, server } = this;
    const filter = streams.subjects.version(streams.epoch, manifest.version);
    const { state } = await server.jsm.streams.info(streams.names.policy, { subjects_filter: filter });
    if (Object.keys(state.subjects ?? {}).length < manifest.chunks) await this.#send(manifest, bytes);
    if (!this.#versions.includes(manifest)) this.#versions.push(manifest);
  }

  /** Forget which versions the server has, as it may have lost them, and delete those that are not needed. */
  async forget(needed: readonly PolicyManifest[]): Promise<void> {
    for (const manifest of this.#versions.splice(0))
      if (!needed.includes(manifest)) await this.#purge(manifest);
  }

  async #send({ version, chunks }: PolicyManifest, bytes: Uint8Array): Promise<void> {
    const { epoch, subjects } = this.streams;
    for (let first = 0; first < chunks; first += CHUNKS_AT_ONCE) {
      const count = Math.min(CHUNKS_AT_ONCE, chunks - first);
      await Promise.all(
        Array.from({ length: count }, (_, i) => {
          const chunk = first + i;
          const start = chunk * CHUNK_BYTES;
          return this.server.js.publish(
            subjects.chunk(epoch, version, chunk),
            bytes.subarray(start, start + CHUNK_BYTES),
          );
        }),
      );
    }
  }

  async #purge({ version }: PolicyManifest): Promise<void> {
    const { epoch, subjects, names } = this.streams;
    await this.server.jsm.streams.purge(names.policy, { filter: subjects.version(epoch, version) });
  }
}
