/** Traces as files: they come back as they were, and damaged ones are refused by name. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../src/formats/error.ts';
import { readSafetensors, type SafetensorsFile, writeSafetensors } from '../../src/formats/safetensors.ts';
import { readTrace, tracedStep, traceFile, writeTrace } from '../../src/training/trace.ts';
import { arbitraryTrace, exampleTrace } from './traces.ts';

describe('a trace', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(arbitraryTrace, (trace) => {
        expect(readTrace(writeTrace(trace), 'trace')).toEqual(trace);
      }),
    );
  });

  it('has the same bytes each time', () => {
    expect(writeTrace(exampleTrace())).toEqual(writeTrace(exampleTrace()));
  });

  it('is a safetensors file of int32 and float32 that any reader opens', () => {
    const { tensors } = readSafetensors(writeTrace(exampleTrace()));
    expect(new Set([...tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['F32', 'I32']));
    expect(tensors.get('tokens')?.data.slice(0, 3)).toEqual(Int32Array.of(20, 3, 21));
    expect(tensors.get('token_offsets')?.data.slice(0, 3)).toEqual(Int32Array.of(0, 3, 6));
  });

  it('has a file named by its step', () => {
    expect(tracedStep(traceFile(30))).toBe(30);
    for (const name of ['trace/step.safetensors', 'trace/step1.json', 'a/trace/step1.safetensors']) {
      expect(tracedStep(name)).toBeUndefined();
    }
  });
});

/** Write the example with a change. */
function changed(change: (file: { tensors: Map<string, unknown>; metadata: Map<string, string> }) => void) {
  const { tensors, metadata } = readSafetensors(writeTrace(exampleTrace()));
  const file = { tensors: new Map(tensors), metadata: new Map(metadata) };
  change(file);
  return writeSafetensors(file satisfies SafetensorsFile);
}

describe('a file that is no trace', () => {
  it('is refused wherever it is torn or changed, and nothing else is thrown', () => {
    const whole = writeTrace(exampleTrace());
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), fc.boolean(), (at, byte, torn) => {
        const bytes = torn ? whole.slice(0, at) : whole.slice();
        if (!torn) bytes[at] = byte;
        try {
          readTrace(bytes, 'trace/step1.safetensors');
        } catch (error) {
          expect(error).toBeInstanceOf(CheckpointError);
          expect(error).not.toMatchObject({ code: 'INTERNAL' });
          return;
        }
        expect(torn).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it('of a newer version says so', () => {
    const bytes = changed(({ metadata }) => metadata.set('mathformer_trace', '2'));
    expect(() => readTrace(bytes, 'step1')).toThrow(
      'step1, metadata: the trace has version 2; this program reads version 1; update mathformer',
    );
  });

  it('is named by what it lacks', () => {
    const int32 = (...values: number[]) => ({
      dtype: 'I32' as const,
      shape: [values.length],
      data: Int32Array.from(values),
    });
    const cases: readonly [string, Parameters<typeof changed>[0]][] = [
      ['it is not the trace of a step', ({ metadata }) => metadata.delete('mathformer_trace')],
      ['"trace" is no JSON', ({ metadata }) => metadata.set('trace', '{')],
      ['step: ', ({ metadata }) => metadata.set('trace', '{"loss":"grpo"}')],
      ['"kl": it is missing', ({ tensors }) => tensors.delete('kl')],
      ['"kl": it is not of float32', ({ tensors }) => tensors.set('kl', tensors.get('tokens'))],
      ['"tokens": it is not of int32', ({ tensors }) => tensors.set('tokens', tensors.get('kl'))],
      [
        '"token_offsets": its offsets do not rise from 0',
        ({ tensors }) => tensors.set('token_offsets', int32(0, 24, 3)),
      ],
      ['"tokens": it has 24 values instead of 3', ({ tensors }) => tensors.set('token_offsets', int32(0, 3))],
      [
        '"group_offsets": it has 2 values instead of 3',
        ({ tensors }) => tensors.set('group_offsets', int32(0, 8)),
      ],
      ['is no index into', ({ tensors }) => tensors.set('prompts', int32(...Array<number>(10).fill(99)))],
    ];
    for (const [problem, change] of cases) {
      expect(() => readTrace(changed(change), 'step1')).toThrow(problem);
    }
  });
});
