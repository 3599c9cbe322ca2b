import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WgslError } from '../../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { printParsed } from '../printed.ts';

/** Binding of an operator, after the table of section 8.19: weaker ones need parentheses inside of stronger ones. */
type Level =
  | 'primary'
  | 'unary'
  | 'product'
  | 'sum'
  | 'shift'
  | 'comparison'
  | 'and'
  | 'or'
  | '&'
  | '|'
  | '^';

interface Sample {
  readonly level: Level;
  /** With as few parentheses as the grammar needs. */
  readonly text: string;
  /** With parentheses around every operation. */
  readonly full: string;
  /** As `printParsed` prints it. */
  readonly tree: string;
}

const ARITHMETIC: readonly Level[] = ['primary', 'unary', 'product', 'sum'];
/** Levels that may stand to the left of an operator without parentheses, and those to the right of it. */
const OPERANDS: Readonly<
  Record<Exclude<Level, 'primary' | 'unary'>, readonly [readonly Level[], readonly Level[]]>
> = {
  product: [
    ['primary', 'unary', 'product'],
    ['primary', 'unary'],
  ],
  sum: [ARITHMETIC, ['primary', 'unary', 'product']],
  shift: [
    ['primary', 'unary'],
    ['primary', 'unary'],
  ],
  comparison: [
    [...ARITHMETIC, 'shift'],
    [...ARITHMETIC, 'shift'],
  ],
  and: [
    [...ARITHMETIC, 'shift', 'comparison', 'and'],
    [...ARITHMETIC, 'shift', 'comparison'],
  ],
  or: [
    [...ARITHMETIC, 'shift', 'comparison', 'or'],
    [...ARITHMETIC, 'shift', 'comparison'],
  ],
  '&': [
    ['primary', 'unary', '&'],
    ['primary', 'unary'],
  ],
  '|': [
    ['primary', 'unary', '|'],
    ['primary', 'unary'],
  ],
  '^': [
    ['primary', 'unary', '^'],
    ['primary', 'unary'],
  ],
};

const LEVELS: readonly (readonly [string, Exclude<Level, 'primary' | 'unary'>])[] = [
  ['+', 'sum'],
  ['-', 'sum'],
  ['*', 'product'],
  ['/', 'product'],
  ['%', 'product'],
  ['<<', 'shift'],
  ['>>', 'shift'],
  ['==', 'comparison'],
  ['!=', 'comparison'],
  ['<', 'comparison'],
  ['<=', 'comparison'],
  ['>', 'comparison'],
  ['>=', 'comparison'],
  ['&&', 'and'],
  ['||', 'or'],
  ['&', '&'],
  ['|', '|'],
  ['^', '^'],
];

const inside = ({ level, text }: Sample, allowed: readonly Level[]): string =>
  allowed.includes(level) ? text : `(${text})`;

const primary = (text: string, full: string, tree: string): Sample => ({
  level: 'primary',
  text,
  full,
  tree,
});

const name = fc.constantFrom('a', 'b2', 'left_', 'true').map((text) => primary(text, text, text));
/** A number. A `.` after it would belong to it, so it needs parentheses there, as a unary operation does. */
const number = fc
  .constantFrom('1', '2u', '0x1f')
  .map((text): Sample => ({ level: 'unary', text, full: text, tree: text === '0x1f' ? '31' : text }));

const { sample } = fc.letrec<{ sample: Sample }>((tie) => {
  const operand = tie('sample');
  const binary = fc.tuple(fc.constantFrom(...LEVELS), operand, operand).map(([[operator, level], a, b]) => {
    const [left, right] = OPERANDS[level];
    return {
      level,
      text: `${inside(a, left)} ${operator} ${inside(b, right)}`,
      full: `(${a.full} ${operator} ${b.full})`,
      tree: `(${operator} ${a.tree} ${b.tree})`,
    };
  });
  const unary = fc.tuple(fc.constantFrom('-', '!', '~'), operand).map(
    ([operator, a]): Sample => ({
      level: 'unary',
      text: `${operator}${inside(a, ['primary', 'unary'])}`,
      full: `(${operator} ${a.full})`,
      tree: `(${operator} ${a.tree})`,
    }),
  );
  const index = fc
    .tuple(operand, operand)
    .map(([a, b]) =>
      primary(`${inside(a, ['primary'])}[${b.text}]`, `${a.full}[${b.full}]`, `([] ${a.tree} ${b.tree})`),
    );
  const member = operand.map((a) =>
    primary(`${inside(a, ['primary'])}.xy`, `(${a.full}).xy`, `(.xy ${a.tree})`),
  );
  const call = fc
    .array(operand, { maxLength: 3 })
    .map((list) =>
      primary(
        `f(${list.map(({ text }) => text).join(', ')})`,
        `f(${list.map(({ full }) => full).join(',')})`,
        `(${['call', 'f', ...list.map(({ tree }) => tree)].join(' ')})`,
      ),
    );
  return {
    sample: fc.oneof({ maxDepth: 5 }, fc.oneof(name, number), binary, binary, unary, index, member, call),
  };
});

/** `a < b, c > (d)` between brackets is a template list to the grammar, so it must not be generated as two comparisons. */
const looksLikeTemplate = ({ text }: Sample): boolean => /[a-z_0-9] <(?![<=]).*>/.test(text);

describe('an expression', () => {
  it('is parsed as its operators bind, with as few parentheses as can be', () => {
    fc.assert(
      fc.property(
        sample.filter((expression) => !looksLikeTemplate(expression)),
        ({ text, full, tree }) => {
          expect(printParsed(text)).toBe(tree);
          expect(printParsed(full)).toBe(tree);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['a - b - c', '(- (- a b) c)'],
    ['a / b * c % d', '(% (* (/ a b) c) d)'],
    ['a - b * c + d', '(+ (- a (* b c)) d)'],
    ['-a.x * b', '(* (- (.x a)) b)'],
    ['- -a', '(- (- a))'],
    ['--a', '(- (- a))'],
    ['a--b', '(- a (- b))'],
    ['a - ---b', '(- a (- (- (- b))))'],
    ['!a[1] == b', '(== (! ([] a 1)) b)'],
    ['a + b < c * d', '(< (+ a b) (* c d))'],
    ['a << b == c >> d', '(== (<< a b) (>> c d))'],
    ['a == b && c != d && e', '(&& (&& (== a b) (!= c d)) e)'],
    ['a & b & (c | d)', '(& (& a b) (| c d))'],
    ['(a < b) == (c < d)', '(== (< a b) (< c d))'],
    ['a[i + 1].xyz.z', '(.z (.xyz ([] a (+ i 1))))'],
    ['f(a)(b)', undefined],
    ['vec4<f32>(1) >> b', '(>> (call vec4<f32> 1) b)'],
    ['array<vec4<f32>,4>()', '(call array<vec4<f32> 4>)'],
    ['array<vec2<vec2<u32>>>(x)>>y', '(>> (call array<vec2<vec2<u32>>> x) y)'],
    ['array<f32,(1>2)>()', '(call array<f32 (> 1 2)>)'],
    ['array<f32, select(2, 3, n>4)>()', '(call array<f32 (call select 2 3 (> n 4))>)'],
    ['max(a<b, c>d)', undefined],
    ['f(a<b, c)', '(call f (< a b) c)'],
    ['a<b||c>d', '(|| (< a b) (> c d))'],
    ['a<=b', '(<= a b)'],
    ['a[b<c] > d', '(> ([] a (< b c)) d)'],
    ['a>=b', '(>= a b)'],
    ['f(a, b,)', '(call f a b)'],
    ['a /* b /* c */ */ + // d\n e', '(+ a e)'],
  ])('%s', (source, tree) => {
    if (tree) expect(printParsed(source)).toBe(tree);
    else expect(() => printParsed(source)).toThrow();
  });

  it.each([
    ['a & b == c', '== beside & needs parentheses'],
    ['a == b & c', '& beside == needs parentheses'],
    ['a & b | c', '| beside & needs parentheses'],
    ['a && b || c', '|| beside && needs parentheses'],
    ['a < b < c', '< beside < needs parentheses'],
    ['a << b << c', '<< beside << needs parentheses'],
    ['a + b << c', '<< beside + needs parentheses'],
    ['a << b + c', '+ beside << needs parentheses'],
    ['a ^ b + c', '+ beside ^ needs parentheses'],
    ['array<>()', 'expected an expression, found >'],
    ['1 +', 'expected an expression, found the end of the source'],
    ['a[1', 'expected ], found the end'],
    ['f(a b)', 'expected , or ), found b'],
    ['if', 'expected an expression, found if'],
    ['private_ + virtual', 'expected an expression, found virtual'],
  ])('%s is refused', (source, reason) => {
    expect(() => printParsed(source)).toThrow(reason);
  });
});

describe('a number', () => {
  it.each([
    ['0', '0'],
    ['4294967295u', '4294967295u'],
    ['0xFFFFFFFFu', '4294967295u'],
    ['2147483647i', '2147483647i'],
    ['9223372036854775807', '9223372036854775807'],
    ['1.5', '1.5'],
    ['.5', '0.5'],
    ['1.', '1'],
    ['1e-3', '0.001'],
    ['0.1f', `${Math.fround(0.1)}f`],
    ['1f', '1f'],
    ['0x1p3', '8'],
    ['0x1.8p-1f', '0.75f'],
    ['0xA.8p0', '10.5'],
    ['0x.8', '0.5'],
    ['0x1.23456789abcdefp0', `${Number(0x123456789abcdefn) / 2 ** 56}`],
    ['01.5', '1.5'],
  ])('%s', (source, value) => {
    expect(printParsed(source)).toBe(value);
  });

  it.each([
    ['4294967296u', 'out of the range of u32'],
    ['2147483648i', 'out of the range of i32'],
    ['9223372036854775808', 'out of the range of a 64-bit integer'],
    ['1e39f', 'out of the range of f32'],
    ['1e400', 'out of the range of a float'],
    ['012', 'no octal numbers'],
    ['1x', '1x is not a number'],
    ['1.5u', '1.5u is not a number'],
    ['1h', 'is an f16'],
    ['0x1.00000001p0f', 'no f32 is exactly this number'],
    ['01f', 'begins with 0'],
  ])('%s is refused', (source, reason) => {
    expect(() => printParsed(source)).toThrow(reason);
    expect(() => printParsed(source)).toThrow(WgslError);
  });

  it('of a u32 keeps its value in decimal and in hexadecimal', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 32 - 1 }), (value) => {
        expect(printParsed(`${value}u`)).toBe(`${value}u`);
        expect(printParsed(`0x${value.toString(16)}u`)).toBe(`${value}u`);
      }),
    );
  });

  it('with a fraction is the nearest float64, or float32 with a suffix', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: 0 }), (value) => {
        const text = value.toExponential();
        expect(printParsed(text)).toBe(`${value}`);
        expect(printParsed(`${text}f`)).toBe(`${value}f`);
      }),
    );
  });
});
