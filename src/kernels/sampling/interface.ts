/** Settings, operands and the ends of the kernel, which all variants of the sampler share. */
import type { BufferView } from '../../gpu/buffers.ts';
import { STATE_WGSL } from '../decode/state.ts';
import { NO_ROW } from '../rows.ts';

/** Distinguishes the sampler's random numbers from those of other users of the same seed. */
export const STREAM = '0x5a3bu';

export interface SamplingSettings {
  /** 0 is greedy. */
  readonly temperature: number;
  /** 0 turns the filter off. */
  readonly topK: number;
  /** 1 turns the filter off. */
  readonly topP: number;
  /** 0, the default, turns the filter off. */
  readonly minP?: number;
  readonly seed: number;
}

export const SETTINGS_BYTES = 24;

export const SETTINGS_WGSL =
  'struct Settings { inverseTemperature: f32, topP: f32, topK: u32, greedy: u32, seed: u32, minP: f32 }';

/** The bytes of the kernel's `Settings`. Greedy decoding reports log-probabilities at temperature 1. */
export function encodeSettings(settings: SamplingSettings): Uint8Array<ArrayBuffer> {
  const { temperature, topK, topP, minP = 0, seed } = settings;
  const bytes = new Uint8Array(SETTINGS_BYTES);
  const view = new DataView(bytes.buffer);
  view.setFloat32(0, temperature === 0 ? 1 : 1 / temperature, true);
  view.setFloat32(4, topP, true);
  view.setUint32(8, topK, true);
  view.setUint32(12, temperature === 0 ? 1 : 0, true);
  view.setUint32(16, seed, true);
  view.setFloat32(20, minP, true);
  return bytes;
}

export interface SampleViews {
  /** (rows of logits, V) */
  readonly logits: BufferView;
  /** `Row` (M): slot (or `NO_ROW`), row of logits to sample from, sequence id. */
  readonly rows: BufferView;
  readonly settings: BufferView;
  /** `Slot` (slots) */
  readonly slots: BufferView;
  /** (slots, maxNewTokens, 2): token as u32, log-probability as f32. */
  readonly samples: BufferView;
  /** u32 (M): the newest token of each row, the input of the next step. */
  readonly ids: BufferView;
  /** u32 (slots, maxNewTokens, ⌈V/32⌉): which ids the filters kept; giving it turns filtering on. */
  readonly kept?: BufferView | undefined;
}

export interface SampleSize {
  /** Rows in flight. */
  readonly M: number;
  /** Ids of the vocabulary. */
  readonly V: number;
  /** Tokens that a slot can get. */
  readonly maxNewTokens: number;
  /** The id that ends a sequence. */
  readonly eos: number;
}

/** Operands of a kernel. */
export interface SampleOptions {
  readonly views: SampleViews;
  readonly size: SampleSize;
}

/** Form of a kernel. */
export interface SampleForm {
  readonly V: number;
  /** True if top-k, top-p or min-p restrict the ids. */
  readonly filtered: boolean;
}

/** Return the form of the kernel for these operands. */
export const formOf = ({ views: { kept }, size: { V } }: SampleOptions): SampleForm => ({
  V,
  filtered: kept !== undefined,
});

/** Return the parameters of a launch. */
export const paramsOf = ({ M, maxNewTokens, eos }: SampleSize) => ({ M, maxNewTokens, eos });

/** Return declarations, and WGSL around the choice of an id. */
export function sampleInterface({ V, filtered }: SampleForm) {
  const words = Math.ceil(V / 32);
  return {
    params: { M: 'u32', maxNewTokens: 'u32', eos: 'u32' },
    reads: { logits: 'array<f32>', rows: 'array<Row>', settings: 'Settings' },
    writes: {
      slots: 'array<Slot>',
      samples: 'array<vec2u>',
      ids: 'array<u32>',
      kept: filtered ? 'array<u32>' : undefined,
    },
    declarations: `${STATE_WGSL}
${SETTINGS_WGSL}`,
    /** Ends rows without work. Declares the `state`, the next `position` and where the row's logits are, `at`. */
    start: `let row = rows[id];
  let slot = row.slot;
  if (slot == ${NO_ROW}u) { return; }
  var state = slots[slot];
  if (state.finished == 1) { return; }
  let at = row.logits * ${V};
  let position = state.position + 1;`,
    /** Stores the id `pick`, its log-probability `logp` and the new state; if filtered, `mask`. */
    finish: `let out = slot * params.maxNewTokens + state.generated;
  samples[out] = vec2u(pick, bitcast<u32>(logp));
  ids[id] = pick;
  ${filtered ? `for (var w = 0u; w < ${words}; w++) { kept[out * ${words} + w] = mask[w]; }` : ''}
  state.position = position;
  state.generated += 1;
  state.token = pick;
  if (pick == params.eos || state.generated == params.maxNewTokens) { state.finished = 1; }
  slots[slot] = state;`,
  } as const;
}
