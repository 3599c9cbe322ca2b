/** Layout of a program in memory: a sequence of blocks of 32-bit words. Each block has a cache line to itself. */

export const LAYOUT = {
  /** Words of a block. */
  blockWords: 16,
  /** Kinds of blocks: their first word. */
  kind: { end: 0, dispatch: 1, copy: 2, clear: 3, timestamp: 4 },
  /** Number of groups: workgroups, or pieces of a copy. */
  groups: 1,
  /** A thread takes one of so many parts of the groups that are left, so that the last ones are small. */
  parts: 2,
  dispatch: {
    /** Number of the kernel. */
    kernel: 3,
    /** Address of its launch block. */
    launch: 4,
    /** Address of the first thread's scratch memory, and the bytes from one thread's to the next. */
    scratch: 5,
    scratchStride: 6,
  },
  /** Copies and clears, in words. */
  copy: { source: 3, target: 4, length: 5, piece: 6 },
  timestamp: { address: 3 },
  /** Counters that threads change: the first group that nobody has taken, and the number of groups that are done. */
  next: 8,
  done: 9,
  /** Number of threads that sleep until all groups are done. */
  waiters: 10,
  end: {
    /** The first word of the next program; 0 if there is none yet. */
    link: 8,
    /** Number of kernels, and of words of memory, that the next program needs. */
    kernels: 9,
    words: 10,
    /** 1 if a thread has reported that the program is done. */
    reported: 11,
  },
  /** Words of a thread's own block: the number of programs that it has left behind, and 1 while it waits for messages. */
  thread: { passed: 0, asleep: 1 },
} as const;

export type Layout = typeof LAYOUT;
