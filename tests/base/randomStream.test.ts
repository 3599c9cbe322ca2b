/** RandomStream: the words are Philox's, cursors resume, draws are unbiased. */

import { describe, expect, test } from 'vitest';
import { ArgumentError } from '../../src/base/arguments.ts';
import { RandomStream } from '../../src/base/randomStream.ts';
import { chiSquareExcess, shareExcess, uniform } from '../tasks/arithmetic/chiSquare.ts';
import { philox4x32 } from './philox4x32.ts';

function words(stream: RandomStream, count: number): number[] {
  return Array.from({ length: count }, () => stream.nextUint32());
}

describe('RandomStream', () => {
  test('the words are consecutive Philox blocks of the documented counter and key', () => {
    const seed = 5 * 2 ** 32 + 7;
    const item = 3 * 2 ** 32 + 11;
    const stream = new RandomStream({ seed, stream: 13, item, lane: 2 });
    const key = [7, 5 | (2 << 21)] as const;
    expect(words(stream, 8)).toEqual([
      ...philox4x32([0, 11, 3, 13], key),
      ...philox4x32([1, 11, 3, 13], key),
    ]);
  });

  test.each([0, 1, 3, 4, 5, 7, 8])(
    'a cursor taken after %i words and sent through JSON continues',
    (drawn) => {
      const stream = new RandomStream({ seed: 42, stream: 1, item: 9, lane: 1 });
      words(stream, drawn);
      const resumed = new RandomStream(JSON.parse(JSON.stringify(stream.cursor())));
      expect(words(resumed, 10)).toEqual(words(stream, 10));
    },
  );

  test('seed, stream, item and lane each give other words', () => {
    const starts = [
      { seed: 1, stream: 0 },
      { seed: 2, stream: 0 },
      { seed: 1 + 2 ** 32, stream: 0 },
      { seed: 1, stream: 1 },
      { seed: 1, stream: 0, item: 1 },
      { seed: 1, stream: 0, item: 2 ** 32 },
      { seed: 1, stream: 0, lane: 1 },
    ];
    expect(new Set(starts.map((start) => words(new RandomStream(start), 4).join())).size).toBe(starts.length);
  });

  test.each([3, 7, 10])('integerBelow(%i) is uniform', (bound) => {
    const stream = new RandomStream({ seed: 3, stream: bound });
    const counts = new Array<number>(bound).fill(0);
    for (let i = 0; i < 30_000; i++) counts[stream.integerBelow(bound)]++;
    expect(chiSquareExcess(counts, uniform(bound))).toBeLessThanOrEqual(0);
  });

  test('integerBelow of 3·2^30 has no modulo bias: taking the remainder alone would double the lowest third', () => {
    const stream = new RandomStream({ seed: 3, stream: 0 });
    const thirds = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) thirds[Math.floor(stream.integerBelow(3 * 2 ** 30) / 2 ** 30)]++;
    expect(chiSquareExcess(thirds, uniform(3))).toBeLessThanOrEqual(0);
  });

  test('bool has the probability asked for, and is certain at 0 and 1', () => {
    const stream = new RandomStream({ seed: 8, stream: 0 });
    for (const p of [0.005, 0.25, 0.5]) {
      let hits = 0;
      for (let i = 0; i < 40_000; i++) if (stream.bool(p)) hits++;
      expect(shareExcess(hits, 40_000, p)).toBeLessThanOrEqual(0);
    }
    for (let i = 0; i < 100; i++) expect([stream.bool(0), stream.bool(1)]).toEqual([false, true]);
  });

  test.each([
    { seed: -1, stream: 0 },
    { seed: 0.5, stream: 0 },
    { seed: 2 ** 53, stream: 0 },
    { seed: 0, stream: 2 ** 32 },
    { seed: 0, stream: 0, lane: 2 ** 11 },
  ])('refuses %o', (start) => {
    expect(() => new RandomStream(start)).toThrow(ArgumentError);
  });

  test('refuses bounds it cannot serve', () => {
    const stream = new RandomStream({ seed: 0, stream: 0 });
    for (const bound of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN])
      expect(() => stream.integerBelow(bound)).toThrow(ArgumentError);
  });
});
