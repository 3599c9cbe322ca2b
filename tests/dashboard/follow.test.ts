/** Following a run: any appends, cuts and reconnects bring a page exactly the bytes that are there. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FollowedFiles, Follower, type Message } from '../../src/dashboard/follow.ts';
import type { ListedFile } from '../../src/training/runFiles.ts';
import { decodePositions, encodePositions, type Position } from '../../src/training/served.ts';

const RUN = 'a/ü"\n run';

/** A run in memory whose metrics can be appended to and cut. */
class Growing implements FollowedFiles {
  metrics = Buffer.alloc(0);
  others: readonly ListedFile[] = [];

  list = (): readonly ListedFile[] => [
    { name: 'lock', bytes: 9, modified: 9 },
    { name: 'metrics.jsonl', bytes: this.metrics.length, modified: 5 },
    ...this.others,
  ];
  read = (_: string, from: number, end: number): Uint8Array =>
    new Uint8Array(this.metrics.subarray(from, end));
}

/** A page that keeps what it is sent. */
class Page {
  bytes = Buffer.alloc(0);
  readonly types: string[] = [];
  files: string[] = [];
  #id = '';

  /** Take all changes, or the first few, as over a connection that breaks. */
  take(follower: Follower, most = Number.POSITIVE_INFINITY): void {
    for (const message of follower.changes()) {
      this.#hear(message);
      this.#id = encodePositions(new Map([[RUN, follower.position]]));
      if (--most <= 0) return;
    }
  }

  /** The position of the last event that was received. */
  get position(): Position | undefined {
    return decodePositions(this.#id).get(RUN);
  }

  #hear({ event, data }: Message): void {
    this.types.push(event);
    if (event === 'cut') this.bytes = Buffer.alloc(0);
    if (event === 'files') this.files.push(...data.files.map(({ name }) => name));
    if (event !== 'append') return;
    expect(data.from).toBe(this.bytes.length);
    this.bytes = Buffer.concat([this.bytes, Buffer.from(data.base64, 'base64')]);
  }
}

describe('the metrics of a run', () => {
  it('arrive exactly, whatever is appended, cut and connected again', () => {
    const step = fc.oneof(
      // Random bytes: no two rows of a training are the same, since each has the time of its step.
      fc.uint8Array({ minLength: 70, maxLength: 200 }).map((bytes) => ({ type: 'append', bytes }) as const),
      fc.uint8Array({ maxLength: 3 }).map((bytes) => ({ type: 'append', bytes }) as const),
      fc.double({ min: 0, max: 1, noNaN: true }).map((share) => ({ type: 'cut', share }) as const),
      fc.constant({ type: 'remove' } as const),
      fc.constant({ type: 'take' } as const),
      fc.nat({ max: 2 }).map((most) => ({ type: 'reconnect', most }) as const),
    );
    let salt = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const files = new Growing();
        const page = new Page();
        let follower = new Follower(RUN, files);
        for (const each of steps) {
          if (each.type === 'append') {
            const unique = Buffer.from(String(salt++));
            files.metrics = Buffer.concat([files.metrics, unique, each.bytes]);
          }
          if (each.type === 'cut')
            files.metrics = files.metrics.subarray(0, each.share * files.metrics.length);
          if (each.type === 'remove') files.metrics = Buffer.alloc(0);
          if (each.type === 'take') page.take(follower);
          if (each.type === 'reconnect') {
            if (each.most > 0) page.take(follower, each.most);
            follower = new Follower(RUN, files, page.position);
          }
        }
        page.take(follower);
        expect(page.bytes.equals(files.metrics)).toBe(true);
        // Nothing more comes while nothing changes.
        const before = page.types.length;
        page.take(follower);
        page.take(new Follower(RUN, files, page.position));
        expect(page.types.slice(before).filter((type) => type !== 'files')).toEqual([]);
      }),
    );
  });

  it('are told to be cut if they grew again to the same size with other bytes', () => {
    const files = new Growing();
    const page = new Page();
    files.metrics = Buffer.from('{"step":1}\n{"step":2,"time":0.1}\n');
    page.take(new Follower(RUN, files));
    files.metrics = Buffer.from('{"step":1}\n{"step":2,"time":0.2}\n');
    page.take(new Follower(RUN, files, page.position));
    expect(page.types).toEqual(['append', 'files', 'cut', 'append'].filter((type) => type !== 'files'));
    expect(page.bytes.equals(files.metrics)).toBe(true);
  });

  it('begin where a page says that it is', () => {
    const files = new Growing();
    files.metrics = Buffer.from('0123456789');
    const messages = [...new Follower(RUN, files, { offset: 4, check: null, filesAt: null }).changes()];
    expect(messages).toEqual([
      { event: 'append', data: { run: RUN, from: 4, base64: Buffer.from('456789').toString('base64') } },
    ]);
    // A page that is ahead of the file has rows that are gone.
    const [cut] = new Follower(RUN, files, { offset: 11, check: null, filesAt: null }).changes();
    expect(cut?.event).toBe('cut');
  });

  it('come in parts that a page can take', () => {
    const files = new Growing();
    const page = new Page();
    files.metrics = Buffer.alloc(1 << 20, 'row\n');
    page.take(new Follower(RUN, files));
    expect(page.types).toEqual(['append', 'append', 'append', 'append']);
    expect(page.bytes.equals(files.metrics)).toBe(true);
  });
});

describe('the other files of a run', () => {
  it('are told once each time that they change', () => {
    const files = new Growing();
    const page = new Page();
    const follower = new Follower(RUN, files);
    const told = (): string[] => {
      page.files = [];
      page.take(follower);
      return page.files;
    };
    files.others = [{ name: 'config.json', bytes: 2, modified: 1 }];
    expect([told(), told()]).toEqual([['config.json'], []]);
    files.others = [...files.others, { name: 'summary.json', bytes: 2, modified: 3 }];
    expect([told(), told()]).toEqual([['summary.json'], []]);
    files.others = files.others.map((file) => ({ ...file, modified: file.modified + 1 }));
    expect([told(), told()]).toEqual([['config.json', 'summary.json'], []]);
  });

  it('are told after a reconnect if they changed since', () => {
    const files = new Growing();
    const page = new Page();
    files.others = [
      { name: 'config.json', bytes: 2, modified: 1 },
      { name: 'summary.json', bytes: 2, modified: 3 },
    ];
    page.take(new Follower(RUN, files));
    page.files = [];
    files.others = [...files.others, { name: 'trace/step5.safetensors', bytes: 2, modified: 4 }];
    page.take(new Follower(RUN, files, page.position));
    expect(page.files).toContain('trace/step5.safetensors');
    expect(page.files).not.toContain('config.json');
  });
});

describe('positions', () => {
  const position = fc.record({
    offset: fc.maxSafeNat(),
    check: fc.option(fc.nat()),
    filesAt: fc.option(fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
  });

  it('survive the way as the id of an event, in ASCII', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), position, { maxKeys: 5 }), (all) => {
        const text = encodePositions(new Map(Object.entries(all)));
        expect(text).toMatch(/^[\x21-\x7e]+$/);
        expect(Object.fromEntries(decodePositions(text))).toEqual(JSON.parse(JSON.stringify(all)));
      }),
    );
  });

  it('that are none are left out', () => {
    fc.assert(fc.property(fc.string(), (text) => decodePositions(text).size === 0));
    for (const odd of ['{"a":[-1]}', '{"a":["1"]}', '{"a":[1e99]}', '{"a":{}}', '[1]', 'null', '%'])
      expect(decodePositions(odd).size).toBe(0);
  });
});
