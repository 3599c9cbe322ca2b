/** Figures of work on many machines, for a step of training. */

/** The work of one worker since the last report. */
export interface WorkerFigures {
  /** See `workerName`; `trainer` for the trainer's own share. */
  readonly worker: string;
  /** The name that it gives itself, for people. */
  readonly name: string;
  readonly class: string;
  /** Items whose results were taken. */
  readonly items: number;
  readonly tokens: number;
  /** Tokens per second of work. */
  readonly tokensPerSecond: number;
  /** Share of the time since the last report without work. */
  readonly idleShare: number;
  /** Times that the server had given out the items of its results before, to any worker. */
  readonly redelivered: number;
  /** Results that another worker had given before, and results that were not valid. */
  readonly duplicate: number;
  readonly rejected: number;
  /** Seconds from the publication of weights to its first use of them; NaN if it used no new ones. */
  readonly policySecondsP50: number;
  readonly policySecondsP99: number;
  /** True if its key is banned. */
  readonly banned: boolean;
}

/** All work since the last report. */
export interface ClusterFigures {
  readonly workers: readonly WorkerFigures[];
  /** Workers that were heard lately, refused ones not counted. */
  readonly connected: number;
  readonly tokensPerSecond: number;
  readonly items: number;
  /** Items of the above that the trainer made itself. */
  readonly ownItems: number;
  /** Items that the server gave out again, as no result came in time. */
  readonly redelivered: number;
  /** Items that were given out twice on purpose, near the end of a job. */
  readonly hedged: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Differences of log-probabilities that workers reported and the trainer scored, in nats; NaN if none was scored. */
  readonly logpDifferenceMax: number;
  readonly logpDifferenceMean: number;
  /** Share of the scored tokens that the trainer would not have drawn; NaN if none was scored. */
  readonly flippedShare: number;
  /** Seconds from the publication of weights to their first use by a worker; NaN if none was published. */
  readonly policySecondsP50: number;
  readonly policySecondsP99: number;
  /** Bytes of weights, items and results that passed. */
  readonly bytes: number;
}
