import fc from 'fast-check';
import { describe, it } from 'vitest';
import { checkShader, WgslError } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { tokenize } from '../../../../../src/gpu/adapters/wasm/wgsl/syntax/tokens.ts';
import { programSource } from './checked.ts';

const SOURCE = programSource(
  `for (var k = 0u; k < 4; k++) { if t && u > k { continue; } list[k] += f32(u) * v4[k % 4]; }
  loop { switch i { case 1, default: { break; } case -2: { i++; } } continuing { break if t; } }
  v4 = select(v4, vec4f(v2, 1, pair.a), u4 < vec4u(n)) + bitcast<vec4f>(u4 << vec4u(2)).xxyy;
  output[u] = scaled(Pair(f, u4)); atomicMax(&counter, arrayLength(&buffer)); workgroupBarrier();`,
  `const SCALE = 2 + 3 * 4; alias Row = array<vec4<f32>, SCALE>; var<workgroup> rows: Row;
  fn scaled(pair: Pair) -> f32 { if pair.a > 1 { return -pair.a; } return dot(vec4f(pair.b), rows[1]); }`,
);
const TOKENS = tokenize(SOURCE)
  .map(({ text }) => text)
  .slice(0, -1);

const position = fc.nat({ max: TOKENS.length - 1 });
/** Replace, insert or remove a token; the new one is another token of the program. */
const change = fc.tuple(position, fc.constantFrom(0, 1), fc.constantFrom('', ...TOKENS));

describe('a program with changed tokens', () => {
  it('is checked, or refused with a place in the source', () => {
    checkShader(TOKENS.join(' '));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const tokens = [...TOKENS];
        for (const [at, removed, added] of changes) tokens.splice(at, removed, added);
        try {
          checkShader(tokens.join(' '));
        } catch (error) {
          if (!(error instanceof WgslError) || error.line !== 1 || error.column < 1) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});
