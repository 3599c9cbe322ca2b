/** The streams of a run on the server, and the consumer that its workers share. They belong to one epoch. */
import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { CONSUMER, RunSubjects, streamsOf } from '../protocol/subjects.ts';

const SECOND = 1000;
const HOUR = 3600 * SECOND;

/** A work item that is neither acknowledged nor reported as in work is given out again after this time. */
const ACK_WAIT = 5 * SECOND;
/** Times that an item is given out. After that, the trainer makes it. */
const MAX_DELIVER = 5;

/** Room for items and results. The server reserves it. */
const WORK_BYTES = 64 * 2 ** 20;
const RESULT_BYTES = 256 * 2 ** 20;
const MOST_ITEMS = 100_000;

/** Error code of a stream or consumer that is not there. */
const NOT_FOUND = 404;

/** The streams of a run. */
export class RunStreams {
  readonly names: ReturnType<typeof streamsOf>;
  readonly subjects: RunSubjects;

  constructor(
    private readonly jsm: JetStreamManager,
    run: string,
    readonly epoch: number,
  ) {
    this.names = streamsOf(run);
    this.subjects = new RunSubjects(run);
  }

  /** Make the streams anew, without what an earlier epoch left. */
  async begin(): Promise<void> {
    await this.remove();
    await this.declare();
  }

  /** Make the streams that are not there: the server may have lost any. */
  async declare(): Promise<void> {
    const { jsm, names } = this;
    for (const config of this.#configs()) await jsm.streams.add(config);
    await jsm.consumers.add(names.work, {
      durable_name: CONSUMER,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT),
      max_deliver: MAX_DELIVER,
      max_ack_pending: 10_000,
    });
  }

  /** Delete the streams. */
  async remove(): Promise<void> {
    for (const name of Object.values(this.names)) {
      try {
        await this.jsm.streams.delete(name);
      } catch (error) {
        if (!(error instanceof Error && 'status' in error && error.status === NOT_FOUND)) throw error;
      }
    }
  }

  #configs(): (Partial<StreamConfig> & Pick<StreamConfig, 'name'>)[] {
    const { names } = this;
    const subjects = this.subjects.ofEpoch(this.epoch);
    const storage = StorageType.File;
    return [
      {
        ...{ name: names.policy, subjects: [subjects.policy], storage },
        allow_direct: true,
        max_msgs_per_subject: 1,
        // A trainer that was killed leaves its weights.
        max_age: nanos(7 * 24 * HOUR),
      },
      {
        ...{ name: names.work, subjects: [subjects.work], storage },
        retention: RetentionPolicy.Workqueue,
        discard: DiscardPolicy.New,
        max_msgs: MOST_ITEMS,
        max_bytes: WORK_BYTES,
        max_age: nanos(24 * HOUR),
      },
      {
        ...{ name: names.result, subjects: [subjects.result], storage },
        max_bytes: RESULT_BYTES,
        max_age: nanos(HOUR),
      },
    ];
  }
}
