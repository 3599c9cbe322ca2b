/** Arithmetic of the host has the same bits in every JavaScript engine: what ECMAScript leaves to the engine is not used. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Functions whose last digits ECMAScript leaves to the engine. `Math.log2` is exact for powers of two, and only rounded here. */
const LEFT_TO_ENGINE =
  /Math\.(exp|expm1|log|log10|log1p|pow|sin|cos|tan|asin|acos|atan|atan2|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot)\b/;
/** `**`, but for powers of integer literals, which are exact. */
const POWER = /(?<!\b(?:2|4|10n|FAN_IN|RUN)) \*\* \S/;
const ROUNDED_LOG2 = /Math\.(ceil|floor)\(Math\.log2\(|unroll\(Math\.log2\(/;

const code = (line: string): boolean => !/^\s*(\*|\/\*|\/\/)/.test(line);

it('uses its own elementary functions', () => {
  const found = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('gpu/adapters'))
    .flatMap((name) =>
      readFileSync(`src/${name}`, 'utf8')
        .split('\n')
        .filter(code)
        .filter(
          (line) =>
            LEFT_TO_ENGINE.test(line) ||
            POWER.test(line) ||
            (line.includes('Math.log2') && !ROUNDED_LOG2.test(line)),
        )
        .map((line) => `${name}: ${line.trim()}`),
    );
  expect(found).toEqual([]);
});
