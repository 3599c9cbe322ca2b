/** Measures how long workers take to use new weights. */

/** Versions that are remembered. */
const MOST_VERSIONS = 16;

/** Times of publication, and who has used a version. */
export class PolicyUse {
  readonly #versions = new Map<number, { readonly published: number; readonly users: Set<string> }>();

  /** Record the publication of a version at a time in ms. */
  published(version: number, time: number): void {
    this.#versions.set(version, { published: time, users: new Set() });
    for (const old of [...this.#versions.keys()].slice(0, -MOST_VERSIONS)) this.#versions.delete(old);
  }

  /**
   * Record that a worker used a version from a time in ms on.
   * @returns seconds since its publication at the worker's first use; undefined at later ones.
   */
  used(version: number, worker: string, time: number): number | undefined {
    const known = this.#versions.get(version);
    if (!known || known.users.has(worker)) return undefined;
    known.users.add(worker);
    return Math.max(0, (time - known.published) / 1000);
  }
}
