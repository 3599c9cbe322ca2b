/** Cases of tokens: embedding and sampling. */
import { encodeSettings, sampleTokens } from '../../src/kernels/sampling/index.ts';
import { backward, embedding, Generator, Parameters, randint, Tensor } from '../../src/tensor/index.ts';
import { type KernelCase, randomTensors, WORD } from '../kernelCase.ts';

/** Embed R tokens, with a table of V rows of width d. */
export function embeddingCases(R: number, V: number, d: number): KernelCase[] {
  const shape = `${R} of ${V}×${d}`;
  const forward = WORD * (R + V * d + R * d);
  return [
    {
      kernel: 'embedding forward',
      ...{ shape, flops: 0, bytes: forward },
      prepare: (device) => {
        const weight = randomTensors(device)(V, d);
        const ids = randint(device, [R], 0, V, { generator: new Generator(1), dtype: 'u32' });
        return () => embedding(ids, weight);
      },
    },
    {
      kernel: 'embedding forward and backward',
      shape,
      flops: 0,
      bytes: forward + WORD * (R + R * d + 2 * V * d),
      prepare: (device) => {
        const dy = randomTensors(device)(R, d);
        const ids = randint(device, [R], 0, V, { generator: new Generator(1), dtype: 'u32' });
        const weight = new Parameters(device, new Map([['weight', [V, d]]])).get('weight');
        return () => backward(embedding(ids, weight), dy);
      },
    },
  ];
}

export interface Filters {
  /** 0: off. */
  readonly topK: number;
  /** 1: off. */
  readonly topP: number;
}

const SLOT_WORDS = 4;

/** Sample the next token of M sequences with the Gumbel trick, from V logits each or from those that the filters keep. */
export function samplingCase(M: number, V: number, { topK, topP }: Filters): KernelCase {
  const filtered = topK > 0 || topP < 1;
  const maskWords = filtered ? Math.ceil(V / 32) : 0;
  return {
    kernel: filtered ? `sampling, top-k ${topK}, top-p ${topP}` : 'sampling',
    shape: `${M}×${V}`,
    flops: 0,
    // Logits; a row; the state, read and written; the token, its log-probability, and the token as the next input.
    bytes: WORD * M * (V + SLOT_WORDS + 2 * SLOT_WORDS + 3 + maskWords),
    prepare: (device) => {
      const logits = randomTensors(device)(M, V);
      const upload = (values: readonly number[]) => Tensor.from(device, Uint32Array.from(values));
      const rows = upload(Array.from({ length: M }, (_, i) => [i, i, i, 0]).flat());
      const start = new Uint32Array(SLOT_WORDS * M);
      const slots = Tensor.from(device, start);
      const settings = Tensor.from(device, encodeSettingsWords({ topK, topP }));
      const [samples, ids] = [upload(new Array<number>(2 * M).fill(0)), upload(new Array<number>(M).fill(0))];
      const kept = filtered ? upload(new Array<number>(maskWords * M).fill(0)) : undefined;
      const views = {
        logits: logits.view,
        rows: rows.view,
        settings: settings.view,
        slots: slots.view,
        samples: samples.view,
        ids: ids.view,
        kept: kept?.view,
      };
      return () => {
        device.upload(slots.view, start); // otherwise every sequence would be finished after the first run
        sampleTokens(device, views, { M, V, maxNewTokens: 1, eos: V });
      };
    },
  };
}

const encodeSettingsWords = (filters: Filters): Uint32Array<ArrayBuffer> =>
  new Uint32Array(encodeSettings({ ...filters, minP: 0, temperature: 1, seed: 0 }).buffer);
