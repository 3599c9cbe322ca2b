/**
 * The sizes of the items of a call, so that all machines end together. Workers take items from the front, the trainer from the
 * end: both meet where the trainer's share begins. Towards this point items become smaller from both sides: each round gives
 * every machine one, and leaves half of the work to later rounds (factoring: Hummel, Schonberg and Flynn, 1992).
 */

/** Shares of a call. Sizes are numbers of sequences. */
export interface Shares {
  /** The trainer's share of the speed of all, from 0 to 1. */
  readonly own: number;
  /** The speed of all workers, and of the trainer, in that of the slowest machine. */
  readonly workers: number;
  readonly trainer: number;
  /** Smallest size that is worth an item. */
  readonly least: number;
  readonly most: number;
}

/** Whole groups in one item, or a group in several. */
export interface SharedGroups {
  readonly groups: number;
  /** Items of these groups: more than 1 only of a single group. */
  readonly pieces: number;
}

/** A group is split if the wanted size is below this share of it. */
const SPLIT_BELOW = 0.75;

/** Share the groups of a call out, in order. */
export function sharedGroups(groups: number, groupSize: number, shares: Shares): SharedGroups[] {
  const { workers, trainer, least, most } = shares;
  const own = Math.round(groups * shares.own);
  const sizes = { groupSize, least, most };
  return [
    ...shrinking(groups - own, { machines: workers, round: Math.floor(workers), ...sizes }),
    // The trainer alone takes these, the last ones first.
    ...shrinking(own, { machines: trainer, round: 1, ...sizes }).reverse(),
  ];
}

interface Sizes extends Pick<Shares, 'least' | 'most'> {
  readonly groupSize: number;
  /** The speed of those who take the items, in that of the slowest machine. */
  readonly machines: number;
  /** Items of one size in a row. */
  readonly round: number;
}

/** Cut groups into items, the largest first. */
function shrinking(groups: number, { groupSize, machines, round, least, most }: Sizes): SharedGroups[] {
  const shared: SharedGroups[] = [];
  for (let left = groups; left > 0; ) {
    const even = (left * groupSize) / machines;
    // Half of what is left, unless that is too little for an item.
    const size = Math.min(most, Math.max(even / 2, Math.min(even, least)));
    const isSplit = size < SPLIT_BELOW * groupSize && least < groupSize;
    const pieces = isSplit ? Math.min(groupSize, Math.ceil(groupSize / Math.max(1, size))) : 1;
    for (let items = 0; items < round && left > 0; items += pieces) {
      const taken = isSplit ? 1 : Math.min(left, Math.max(1, Math.round(size / groupSize)));
      shared.push({ groups: taken, pieces });
      left -= taken;
    }
  }
  return shared;
}
