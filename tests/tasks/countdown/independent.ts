/**
 * An independent judge of countdown answers: operators are reduced on two stacks (Dijkstra's shunting-yard), fractions
 * are pairs of integers that are never reduced. Shares no code with the grader.
 */
type Fraction = readonly [numerator: bigint, denominator: bigint];

const STRENGTH: Readonly<Record<string, number>> = { '+': 1, '-': 1, '*': 2, '/': 2 };

function reduce(values: Fraction[], operators: string[]): boolean {
  const operator = operators.pop();
  const [b, a] = [values.pop(), values.pop()];
  if (!a || !b) return false;
  if (operator === '+') values.push([a[0] * b[1] + b[0] * a[1], a[1] * b[1]]);
  else if (operator === '-') values.push([a[0] * b[1] - b[0] * a[1], a[1] * b[1]]);
  else if (operator === '*') values.push([a[0] * b[0], a[1] * b[1]]);
  else if (operator === '/' && b[0] !== 0n) values.push([a[0] * b[1], a[1] * b[0]]);
  else return false;
  return true;
}

/** Return the value of an expression of + - * / on natural numbers; undefined if it is none. */
export function value(text: string): Fraction | undefined {
  const values: Fraction[] = [];
  const operators: string[] = [];
  let wantsOperand = true;
  const tokens = text.match(/\d+|[^\s\d]| +/g) ?? [];
  for (const token of tokens) {
    if (token.trim() === '') continue;
    if (/^\d+$/.test(token)) {
      if (!wantsOperand || (token.length > 1 && token.startsWith('0'))) return undefined;
      values.push([BigInt(token), 1n]);
      wantsOperand = false;
    } else if (token === '(') {
      if (!wantsOperand) return undefined;
      operators.push(token);
    } else if (token === ')') {
      if (wantsOperand) return undefined;
      while (operators.length > 0 && operators.at(-1) !== '(')
        if (!reduce(values, operators)) return undefined;
      if (operators.pop() !== '(') return undefined;
    } else if (token in STRENGTH) {
      if (wantsOperand) return undefined;
      while (operators.length > 0 && (STRENGTH[operators.at(-1) ?? ''] ?? 0) >= (STRENGTH[token] ?? 0)) {
        if (!reduce(values, operators)) return undefined;
      }
      operators.push(token);
      wantsOperand = true;
    } else return undefined;
  }
  if (wantsOperand) return undefined;
  while (operators.length > 0) if (operators.at(-1) === '(' || !reduce(values, operators)) return undefined;
  return values.length === 1 ? values[0] : undefined;
}

/** Tell whether an answer reaches the target with every number exactly once. */
export function isRight(text: string, numbers: readonly number[], target: number): boolean {
  const found = value(text);
  const used = (text.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);
  const given = [...numbers].sort((a, b) => a - b);
  return found !== undefined && found[0] === BigInt(target) * found[1] && `${used}` === `${given}`;
}
