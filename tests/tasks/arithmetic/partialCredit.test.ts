/** Credit for the steps before the first wrong one. */
import { beforeAll, describe, expect, test } from 'vitest';
import { partialCredit } from '../../../src/tasks/arithmetic/partialCredit.ts';
import { scratchpadSteps } from '../../../src/tasks/arithmetic/scratchpad.ts';
import type { Expression } from '../../../src/tasks/expressions/expression.ts';
import { parse } from '../../../src/tasks/expressions/parser.ts';

let tree: Expression;
let steps: readonly string[];
beforeAll(() => {
  tree = parse('156+237');
  steps = scratchpadSteps(tree);
});

describe('partialCredit', () => {
  test('counts the worked steps up to the first wrong one, of one more than there are', () => {
    expect(steps).toEqual(['6+7=13', 'carry 1', '5+3+1=9', '1+2=3', '156+237=393']);
    for (let right = 0; right <= steps.length; right++) {
      const written = [...steps.slice(0, right), '1+2=4', ...steps.slice(right + 1)].join(', ');
      expect(partialCredit(tree, written)).toBeCloseTo(right / 6, 12);
      expect(partialCredit(tree, steps.slice(0, right).join(', '))).toBeCloseTo(right / 6, 12);
    }
  });

  test('true steps that lead nowhere are worth nothing', () => {
    expect(partialCredit(tree, '1=1, 2=2, 3=3, 4=4, 5=5, 6=6')).toBe(0);
    expect(partialCredit(tree, '')).toBe(0);
    expect(partialCredit(tree, `${steps[0]}, ${steps[0]}, ${steps[0]}`)).toBeCloseTo(1 / 6, 12);
    expect(partialCredit(tree, [...steps, '1=1'].join(', '))).toBeCloseTo(5 / 6, 12);
  });
});
