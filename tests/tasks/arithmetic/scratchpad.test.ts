/** Scratchpads: the document's examples to the letter, and the truth of every equation by two independent means. */

import { describe, expect, test } from 'vitest';
import { ProblemStream } from '../../../src/tasks/arithmetic/generator.ts';
import { scratchpad } from '../../../src/tasks/arithmetic/scratchpad.ts';
import { firstFalseStep } from '../../../src/tasks/arithmetic/scratchpadChecker.ts';
import { parse } from '../../../src/tasks/expressions/parser.ts';
import cases from '../../fixtures/math/parser.json' with { type: 'json' };

const ALL = '+,-,*,/,%,min,max,next,prev,abs';

function steps(text: string): string {
  return scratchpad(parse(text));
}

describe('worked examples', () => {
  test.each([
    ['6+7', '6+7=13'],
    ['156+237', '6+7=13, carry 1, 5+3+1=9, 1+2=3, 156+237=393'],
    ['95+7', '5+7=12, carry 1, 9+1=10, 95+7=102'],
    ['42-17', '12-7=5, borrow 1, 4-1-1=2, 42-17=25'],
    ['-3*7', '3*7=21, -3*7=-21'],
    ['prev(100)', 'prev(100)=100-1, 10-1=9, borrow 1, 10-1=9, borrow 1, 1-1=0, prev(100)=99'],
    ['next(9)', 'next(9)=10'],
    ['42--17', '42-(-17)=42+17, 2+7=9, 4+1=5, 42-(-17)=59'],
    ['-42-17', '-42-17=-(42+17), 2+7=9, 4+1=5, -42-17=-59'],
    ['17-42', '17-42=-(42-17), 12-7=5, borrow 1, 4-1-1=2, 17-42=-25'],
    ['-3+7', '-3+7=7-3, 7-3=4, -3+7=4'],
    ['100-1', '10-1=9, borrow 1, 10-1=9, borrow 1, 1-1=0, 100-1=99'],
    ['7*23', '7*3=21, 7*2+2=16, 7*23=161'],
    [
      '23*-47',
      '3*7=21, 2*7+2=16, 23*7=161, 3*4=12, 2*4+1=9, 23*40=920, 1+0=1, 6+2=8, 1+9=10, 161+920=1081, 23*(-47)=-1081',
    ],
    ['12/8', 'gcd(12,8)=4, 12/4=3, 8/4=2, 12/8=3/2'],
    ['12/-4', 'gcd(12,4)=4, 12/4=3, 12/(-4)=-3'],
    ['17%5', '5*3=15, 7-5=2, 1-1=0, 17-15=2, 17%5=2'],
    ['-7%3', '3*2=6, 7-6=1, 7%3=1, 3-1=2, -7%3=2'],
    ['7%-3', '3*2=6, 7-6=1, 7%3=1, 1-3=-2, 7%(-3)=-2'],
    ['max(8,-5)', 'max(8,-5)=8'],
    ['next(-96)', 'next(-96)=-(96-1), 6-1=5, next(-96)=-95'],
    ['abs(-(2+3))', '2+3=5, -(5)=-5, abs(-5)=5'],
    ['max(8,5)+max(8,5)', 'max(8,5)=8, max(8,5)=8, 8+8=16'],
    ['5/5-5/5', '5/5=1, 5/5=1, 1-1=0'],
    ['-5', ''],
  ])('%s', (text, expected) => {
    expect(steps(text)).toBe(expected);
  });

  test.each([
    ['1/2+1/3', 'lcm(2,3)=6, 1/2=3/6, 1/3=2/6, 3+2=5, gcd(5,6)=1, 1/2+1/3=5/6'],
    ['1/6-1/2', 'lcm(6,2)=6, 1/2=3/6, 1-3=-2, gcd(2,6)=2, -2/2=-1, 6/2=3, 1/6-1/2=-1/3'],
    ['2+1/3', '2=6/3, 6+1=7, 2+1/3=7/3'],
    ['1/2*-(3/4)', '1*3=3, 2*4=8, gcd(3,8)=1, 1/2*(3/4)=3/8, 1/2*(-3/4)=-3/8'],
    [
      '1/2/(3/4)',
      '1/2/(3/4)=1/2*(4/3), 1*4=4, 2*3=6, gcd(4,6)=2, 4/2=2, 6/2=3, 1/2*(4/3)=2/3, 1/2/(3/4)=2/3',
    ],
    ['max(7/2,1/3)', 'lcm(2,3)=6, 7/2=21/6, 1/3=2/6, max(21,2)=21, max(7/2,1/3)=7/2'],
    ['prev(1/2)', '1-2=-1, prev(1/2)=-1/2'],
  ])('fractions: %s ends with the steps of its root', (text, expected) => {
    expect(steps(text).endsWith(`, ${expected}`)).toBe(true);
  });
});

/**
 * A second judge of equations: JavaScript's own parser and floats, which share nothing with the project. The floor
 * modulo has no counterpart there, so a top-level % is split by hand.
 */
function holdsInFloats(equation: string): boolean {
  const greatest = (a: number, b: number): number => (b === 0 ? a : greatest(b, a % b));
  const scope = {
    gcd: greatest,
    lcm: (a: number, b: number) => (a * b) / greatest(a, b),
    min: Math.min,
    max: Math.max,
    next: (x: number) => x + 1,
    prev: (x: number) => x - 1,
    abs: Math.abs,
  };
  const value = (text: string): number => {
    const [left, right] = text.split('%').map((side) => {
      const spaced = side.replaceAll('-', ' -');
      return Number(new Function(...Object.keys(scope), `return ${spaced}`)(...Object.values(scope)));
    });
    return right === undefined ? left : left - right * Math.floor(left / right + 1e-9);
  };
  const [left, right] = equation.split('=').map(value);
  return Math.abs(left - right) <= 1e-7 * Math.max(1, Math.abs(left), Math.abs(right));
}

describe('truth', () => {
  test('every equation of 10,000 scratchpads holds, and the last one gives the answer', () => {
    const stream = new ProblemStream({ operators: ALL, maxDigits: 3, maxDepth: 3, seed: 20 });
    let equations = 0;
    for (let i = 0; i < 10_000; i++) {
      const { tree, answer, expression } = stream.next();
      const text = scratchpad(tree);
      expect(firstFalseStep(text), expression).toBeNull();
      expect(text.endsWith(`=${answer}`), expression).toBe(true);
      equations += text.split('=').length - 1;
    }
    expect(equations).toBeGreaterThan(90_000);
  });

  test('floats agree', () => {
    const stream = new ProblemStream({ operators: ALL, maxDigits: 2, maxDepth: 2, seed: 21 });
    for (let i = 0; i < 1500; i++) {
      for (const step of scratchpad(stream.next().tree).split(', ')) {
        if (step !== 'carry 1' && step !== 'borrow 1') expect(holdsInFloats(step), step).toBe(true);
      }
    }
  });

  test('every reference expression can be worked', () => {
    for (const { expression, value } of cases.valid) {
      const text = steps(expression);
      expect(firstFalseStep(text), expression).toBeNull();
      if (text !== '') expect(text.endsWith(`=${value}`), expression).toBe(true);
    }
  });

  test('a digit carries or borrows exactly where the column says so', () => {
    const stream = new ProblemStream({ operators: '+', minDigits: 1, maxDigits: 4, maxDepth: 1, seed: 1 });
    for (let i = 0; i < 1000; i++) {
      const all = scratchpad(stream.next().tree).split(', ');
      for (const [at, step] of all.entries()) {
        if (step === 'carry 1') expect(all[at - 1]).toMatch(/=1\d$/);
        if (step === 'carry 1') expect(all[at + 1]).toMatch(/\+1=\d+$/);
        if (step === 'borrow 1') expect(all[at + 1]).toMatch(/-1=\d+$/);
      }
    }
  });

  test('division by zero has no scratchpad', () => {
    expect(() => steps('1/(2-2)')).toThrow('division by zero');
  });
});

describe('firstFalseStep', () => {
  test('finds the first wrong step', () => {
    expect(firstFalseStep('6+7=13, carry 1, 5+3+1=8, 1=2')).toMatchObject({ index: 2, step: '5+3+1=8' });
    expect(firstFalseStep('gcd(12,8)=2')).toMatchObject({
      index: 0,
      reason: 'the left side is 4, the right side 2',
    });
    expect(firstFalseStep('lcm(4,6)=24')?.index).toBe(0);
    expect(firstFalseStep('')).toBeNull();
  });

  test.each([
    '5-7=-(7--5)',
    '1=1=1',
    'carry 2',
    'carry 1 ',
    '3',
    '1/0=1',
    '1+=1',
    '=',
    'gcd(4,6)+1=3',
    '1+1=2,',
    ' ',
  ])('refuses %j', (text) => {
    expect(firstFalseStep(text)?.index).toBe(0);
  });

  test('notices any changed final digit', () => {
    const stream = new ProblemStream({ operators: ALL, seed: 22 });
    for (let i = 0; i < 300; i++) {
      const all = scratchpad(stream.next().tree).split(', ');
      for (const [at, step] of all.entries()) {
        if (!/=.*\d$/.test(step)) continue;
        const changed = `${step.slice(0, -1)}${(Number(step.at(-1)) + 1) % 10}`;
        expect(firstFalseStep([...all.slice(0, at), changed].join(', '))?.index, changed).toBe(at);
      }
    }
  });
});
