/**
 * Times of the last writes to the ranges of a buffer, by a clock that all commands and graph nodes share. So `backward` can tell
 * if a saved value has changed since, whichever command changed it.
 */

let now = 0;

/** Return the next time, later than all before. */
export const tick = (): number => ++now;

interface Written {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/** The latest writes to the ranges of one buffer. */
export class WriteTimes {
  /** Time of the buffer's creation. */
  readonly born = tick();
  #written: Written[] = [];

  /** Note that `bytes` bytes from `offset` on are written now. */
  note(offset: number, bytes: number): void {
    const [from, to] = [offset, offset + bytes];
    const [only] = this.#written;
    const rest =
      this.#written.length === 1 && only && only.from >= from && only.to <= to
        ? []
        : this.#written.filter((each) => each.from < from || each.to > to);
    rest.push({ from, to, at: tick() });
    this.#written = rest;
  }

  /** Return the time of the last write to any of `bytes` bytes from `offset` on; 0 for none. */
  latest(offset: number, bytes: number): number {
    let latest = 0;
    for (const { from, to, at } of this.#written) {
      if (from < offset + bytes && to > offset && at > latest) latest = at;
    }
    return latest;
  }
}
