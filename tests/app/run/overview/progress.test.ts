import { describe, expect, it } from 'vitest';
import { Columns } from '../../../../app/src/data/columns.ts';
import { secondsLeft, tokensPerSecond } from '../../../../app/src/run/overview/progress.ts';

const columns = new Columns();
for (let step = 1; step <= 30; step++) {
  columns.push({ phase: 'grpo', step, step_time: step <= 10 ? 100 : 2, num_tokens: 500 });
}

describe('progress', () => {
  it('is estimated from the latest twenty steps', () => {
    expect(secondsLeft(columns, 40)).toBe(20);
    expect(secondsLeft(columns, 20)).toBe(0);
    expect(tokensPerSecond(columns, undefined)).toBe(250);
  });

  it('is not known without a plan or without times', () => {
    expect(secondsLeft(columns, null)).toBeNull();
    expect(secondsLeft(new Columns(), 40)).toBeNull();
    expect(tokensPerSecond(new Columns(), undefined)).toBeNaN();
  });
});
