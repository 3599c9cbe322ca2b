import { describe, expect, it } from 'vitest';
import { checkShader } from '../../../../../src/gpu/adapters/wasm/wgsl/index.ts';
import { BODY_LINE, program } from './checked.ts';
import {
  INVALID_BODIES,
  INVALID_SOURCES,
  UNSUPPORTED_BODIES,
  UNSUPPORTED_SOURCES,
  withEntry,
} from './refused.ts';

describe('a body', () => {
  it.each([...INVALID_BODIES, ...UNSUPPORTED_BODIES])(
    '%s is refused at column %i',
    (body, column, reason) => {
      expect(() => program(body)).toThrow(
        expect.objectContaining({ line: BODY_LINE, column, reason: expect.stringContaining(reason) }),
      );
    },
  );
});

describe('a source', () => {
  it.each([...INVALID_SOURCES, ...UNSUPPORTED_SOURCES])(
    '%s is refused at column %i',
    (source, column, reason) => {
      expect(() => checkShader(withEntry(source))).toThrow(
        expect.objectContaining({ line: 1, column, reason: expect.stringContaining(reason) }),
      );
    },
  );

  it('whose brackets are too deep is refused, without a stack overflow', () => {
    const deep = (open: string, close: string): string => open.repeat(9000) + close.repeat(9000);
    const bodies = [
      `_ = ${deep('(', ')')};`,
      deep('{', '}'),
      deep('if true {', '}'),
      `_ = ${'~'.repeat(9000)}1;`,
    ];
    for (const body of bodies) expect(() => program(body)).toThrow('stand in each other');
    expect(() => program(`_ = ${'('.repeat(100)}1${')'.repeat(100)};`)).not.toThrow();
  });

  it('with an error gives its place in the message, and a code', () => {
    const source = `${withEntry('fn g() { }')}\nfn f() {\n  let x = y;\n}`;
    expect(() => checkShader(source)).toThrow(
      expect.objectContaining({
        message: 'WGSL, line 3, column 11: there is no y in scope',
        code: 'WGSL_INVALID',
        where: 'line 3, column 11',
      }),
    );
  });
});
