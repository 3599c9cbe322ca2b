/**
 * When which part of a buffer was last written, by a clock that all commands and all nodes of the graph share. So what
 * was saved for a backward pass is known to have changed since, whichever command changed it.
 */

let now = 0;

/** The next moment: later than all before. */
export const tick = (): number => ++now;

interface Written {
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/** The latest writes to the ranges of one buffer. */
export class WriteTimes {
  /** When the buffer came about. */
  readonly born = tick();
  #written: Written[] = [];

  /** Notes that `bytes` bytes from `offset` on are written now. */
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

  /** When any of `bytes` bytes from `offset` on was last written; 0 for never. */
  latest(offset: number, bytes: number): number {
    let latest = 0;
    for (const { from, to, at } of this.#written) {
      if (from < offset + bytes && to > offset && at > latest) latest = at;
    }
    return latest;
  }
}
