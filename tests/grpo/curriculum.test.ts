/** The adaptive curriculum: its records and its draws. */
import { describe, expect, test } from 'vitest';
import { RandomStream } from '../../src/base/randomStream.ts';
import { Curriculum } from '../../src/grpo/curriculum.ts';
import { expectClose } from '../oracle/compare.ts';

const LEVELS = ['easy', 'middle', 'hard'];

/** Return a curriculum after `groups` groups of four at each level, with `right` right answers in each group. */
function taught(right: readonly number[], groups = 200): Curriculum {
  const curriculum = new Curriculum(LEVELS);
  for (let i = 0; i < groups; i++) {
    for (const [level, count] of right.entries()) {
      curriculum.record(
        level,
        [0, 1, 2, 3].map((member) => member < count),
      );
    }
  }
  return curriculum;
}

const frequencies = (curriculum: Curriculum, draws = 20_000): number[] => {
  const counts = LEVELS.map(() => 0);
  for (let item = 0; item < draws; item++) {
    counts[curriculum.choose(new RandomStream({ seed: 1, stream: 4, item }))] += 1;
  }
  return counts.map((count) => count / draws);
};

describe('the curriculum', () => {
  test('begins uniform', () => {
    const curriculum = new Curriculum(LEVELS);
    expect(curriculum.passRates()).toEqual([0.5, 0.5, 0.5]);
    expectClose(curriculum.probabilities(), [1 / 3, 1 / 3, 1 / 3], { rtol: 1e-12 });
  });

  test('draws in proportion to p(1 − p), over a uniform quarter', () => {
    const curriculum = taught([4, 2, 1]);
    const rates = curriculum.passRates();
    expectClose(rates, [1, 0.5, 0.25], { atol: 0.01 });
    const weights = rates.map((p) => p * (1 - p));
    const total = weights.reduce((a, b) => a + b, 0);
    expectClose(
      curriculum.probabilities(),
      weights.map((weight) => 0.25 / 3 + (0.75 * weight) / total),
      { rtol: 1e-12 },
    );
    expectClose(frequencies(curriculum), curriculum.probabilities(), { atol: 0.015 });
  });

  test('leaves no level out, whatever is known of it', () => {
    const probabilities = taught([4, 0, 2], 10_000).probabilities();
    expect(Math.min(...probabilities)).toBeGreaterThanOrEqual(0.25 / 3);
    expectClose([probabilities.reduce((a, b) => a + b, 0)], [1], { rtol: 1e-12 });
  });

  test('forgets: a level that is learnt counts as learnt after some time', () => {
    const curriculum = taught([0, 0, 0]);
    for (let i = 0; i < 100; i++) curriculum.record(2, [true, true, true, true]);
    const [easy, , hard] = curriculum.passRates();
    expect(easy).toBeLessThan(0.01);
    expect(hard).toBeGreaterThan(0.8);
  });

  test('one level is always drawn', () => {
    expect(new Curriculum(['only']).choose(new RandomStream({ seed: 0, stream: 4 }))).toBe(0);
  });

  test('its state is JSON, and that of these levels', () => {
    const curriculum = taught([3, 2, 1], 7);
    const copy = new Curriculum(LEVELS);
    copy.restore(JSON.parse(JSON.stringify(curriculum.state())));
    expect(copy.probabilities()).toEqual(curriculum.probabilities());
    expect(copy.state()).toEqual(curriculum.state());
    curriculum.record(0, [false]);
    expect(copy.state()).not.toEqual(curriculum.state());
    const restore = () => new Curriculum(['easy', 'hard']).restore(copy.state());
    expect(restore).toThrow(/levels easy, middle, hard/);
    const fix = 'give one of easy, hard: that of the same task';
    expect(restore).toThrow(expect.objectContaining({ code: 'BAD_STATE', where: 'curriculum', fix }));
  });

  test('its state is restored by name, whatever order JSON puts names in', () => {
    const levels = ['hard', '10', '9'];
    const curriculum = new Curriculum(levels);
    for (const [level, right] of [false, true, true].entries()) {
      for (let i = 0; i <= level; i++) curriculum.record(level, [right]);
    }
    const copy = new Curriculum(levels);
    copy.restore(JSON.parse(JSON.stringify(curriculum.state())));
    expect(copy.probabilities()).toEqual(curriculum.probabilities());
    expect(() => new Curriculum([...levels, 'more']).restore(curriculum.state())).toThrow(/of the levels/);
  });

  test('metrics are the rates and probabilities', () => {
    const curriculum = taught([4, 2, 1], 3);
    const [rates, probabilities] = [curriculum.passRates(), curriculum.probabilities()];
    expect(Object.values(curriculum.metrics())).toEqual(
      LEVELS.flatMap((_, level) => [rates[level], probabilities[level]]),
    );
  });

  test('metrics name the levels', () => {
    expect(Object.keys(new Curriculum(['a', 'b']).metrics())).toEqual(
      ['a', 'b'].flatMap((name) => ['pass_rate', 'probability'].map((what) => `curriculum/${name}/${what}`)),
    );
  });
});
