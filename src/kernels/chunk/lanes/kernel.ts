/**
 * A chunk of tokens in one dispatch: a workgroup takes a few sequences through all layers and the draw, token after token. For
 * GPUs and narrow models, where a dispatch for every product of every token costs more than the products.
 *
 * All barriers are within a workgroup: sequences do not depend on each other. Their number in a workgroup changes no bit of a
 * sequence's sums along rows, whose order follows from the form.
 */
import { defineKernel, GROUP_ARGS, GROUP_INDEX, unroll } from '../../../gpu/kernel.ts';
import { memoize } from '../../../gpu/memoize.ts';
import { STATE_WGSL } from '../../decode/state.ts';
import { GUMBEL4_WGSL, PHILOX_WGSL } from '../../philox.ts';
import { NO_ROW } from '../../rows.ts';
import { SETTINGS_WGSL } from '../../sampling/interface.ts';
import { specialFunctions } from '../../special.ts';
import type { ChunkBlock, ChunkForm } from '../form.ts';
import { floatWgsl } from '../literal.ts';
import { attentionWgsl, positionsWgsl } from './attention.ts';
import type { LanesLayout } from './layout.ts';
import { normWgsl } from './norm.ts';
import { type ProductRows, productWgsl } from './product.ts';
import { sampleWgsl } from './sample.ts';

/** The form that the kernel is compiled for. */
export interface LanesForm {
  readonly form: ChunkForm;
  readonly layout: LanesLayout;
  /** True if top-k, top-p or min-p restrict the ids. */
  readonly filtered: boolean;
}

/** Return WGSL of the block whose weights lie from vec4 `block` on. */
function blockWgsl({ norms, attention, feedForward }: ChunkBlock<number>, layout: LanesLayout): string {
  const { d, width, lanes } = layout;
  const { up, down, activation } = feedForward;
  const { qkv, out } = attention;
  const [hidden, both] = [down.inputs / 4, up.outputs / 4];
  const residual = (sequence: string): string => `x[${sequence} * ${d} + column] += value;`;
  const toWide =
    (columns: number, value = 'value') =>
    (sequence: string): string =>
      `wide[${sequence} * ${columns} + column] = ${value};`;
  const gate = `for (var i = lane; i < ${hidden}; i += ${lanes}) {
      let at = sequence * ${both} + i;
      let gate = wide[at];
      wide[at] = gate * sigmoidf(gate) * wide[at + ${hidden}];
    }
    workgroupBarrier();`;
  const product = (linear: typeof up, rows: ProductRows): string =>
    productWgsl(linear, rows, layout, 'block');
  return `
    ${normWgsl(norms[0], layout, 'block')}
    ${product(qkv, { from: 'narrow', stride: d, store: toWide(qkv.outputs / 4) })}
    ${attentionWgsl(attention, layout)}
    ${product(out, { from: 'narrow', stride: width, store: residual })}
    ${normWgsl(norms[1], layout, 'block')}
    ${product(up, { from: 'narrow', stride: d, store: toWide(both, activation === 'gelu' ? 'gelu(value)' : 'value') })}
    ${activation === 'swiglu' ? gate : ''}
    ${product(down, { from: 'wide', stride: both, store: residual })}`;
}

/** Return declarations of workgroup memory, in the order of `LanesLayout`. */
function memoryWgsl({ form, layout, filtered }: LanesForm): string {
  const { threads, sequences, d, narrow, wide, partials, positions, setWords } = layout;
  const sets = ['tops', 'kepts'].map(
    (name) => `var<workgroup> ${name}: array<atomic<u32>, ${sequences * setWords}>;`,
  );
  return `
var<workgroup> states: array<Slot, ${sequences}>;
var<workgroup> x: array<vec4f, ${sequences * d}>;
var<workgroup> narrow: array<vec4f, ${sequences * narrow}>;
var<workgroup> wide: array<vec4f, ${sequences * wide}>;
var<workgroup> partials: array<vec4f, ${partials}>;
var<workgroup> scores: array<f32, ${sequences * form.block.attention.heads * positions}>;
var<workgroup> maxima: array<f32, ${threads}>;
var<workgroup> sums: array<f32, ${threads}>;
var<workgroup> picks: array<u32, ${threads}>;
${filtered ? sets.join('\n') : ''}`;
}

/** Return WGSL of one token of all sequences. */
function tokenWgsl({ form, layout, filtered }: LanesForm): string {
  const { d, lanes, vocabulary } = layout;
  const { embedding, block, layers, stride, finalNorm, output } = form;
  const logits = {
    from: finalNorm ? 'narrow' : 'x',
    stride: d,
    store: (sequence: string) => `wide[${sequence} * ${vocabulary} + column] = value;`,
  };
  return `
    for (var c = lane; c < ${d}; c += ${lanes}) {
      x[sequence * ${d} + c] = weights[${embedding.weight} + states[sequence].token * ${d} + c] * ${floatWgsl(embedding.scale)};
    }
    workgroupBarrier();
    for (var layer = 0u; layer < ${layers}; layer++) {
      let block = layer * ${stride};
      ${blockWgsl(block, layout)}
    }
    ${finalNorm ? normWgsl(finalNorm, layout, '0u') : ''}
    ${productWgsl(output, logits, layout, '0u')}
    ${sampleWgsl({ V: output.outputs, filtered }, layout)}`;
}

/** The kernel of a form. */
export const lanesKernel = memoize((kernelForm: LanesForm) => {
  const { form, layout, filtered } = kernelForm;
  const { threads, sequences, lanes } = layout;
  const token = tokenWgsl(kernelForm);
  return defineKernel({
    name: `chunk lanes ${sequences}×${lanes}, ${form.layers} layers of ${form.dModel}${filtered ? ' filtered' : ''}`,
    params: {
      ...{ M: 'u32', tokens: 'u32', capacity: 'u32', cacheStride: 'u32', maxNewTokens: 'u32', eos: 'u32' },
    } as const,
    reads: { weights: 'array<vec4f>', rows: 'array<Row>', settings: 'Settings', before: 'array<Slot>' },
    writes: {
      cache: 'array<vec4f>',
      slots: 'array<Slot>',
      samples: 'array<vec2u>',
      kept: filtered ? 'array<u32>' : undefined,
    },
    functions: `
alias T = vec4f;
alias I = vec4i;
alias U = vec4u;
alias B = vec4<bool>;
${STATE_WGSL}
${SETTINGS_WGSL}
${PHILOX_WGSL}
${GUMBEL4_WGSL}
${specialFunctions(token)}
${positionsWgsl(form.block.attention)}
${memoryWgsl(kernelForm)}`,
    code: `
@compute @workgroup_size(${threads})
fn main(${GROUP_ARGS}, @builtin(local_invocation_index) thread: u32) {
  let sequence = thread / ${lanes};
  let lane = thread % ${lanes};
  let firstRow = ${GROUP_INDEX} * ${sequences};
  // Length of the longest sequence with its newest token; 0 if all are finished. From what the kernel only reads, so that it is
  // uniform.
  var longest = 0u;
  ${unroll(
    sequences,
    (s) => `if (firstRow + ${s} < params.M) {
    let slot = rows[firstRow + ${s}].slot;
    if (slot != ${NO_ROW}u) {
      let state = before[slot];
      if (state.finished == 0) { longest = max(longest, state.position + 1); }
    }
  }`,
  )}
  if (longest == 0) { return; }
  var row = rows[min(firstRow + sequence, params.M - 1)];
  var finished = firstRow + sequence >= params.M || row.slot == ${NO_ROW}u;
  if (finished) { row.slot = 0u; }
  let start = before[row.slot];
  finished = finished || start.finished == 1;
  if (lane == 0) {
    states[sequence] = start;
    if (finished) { states[sequence].finished = 1; }
  }
  workgroupBarrier();
  for (var step = 0u; step < params.tokens; step++) {
    // Positions that the newest token attends to.
    let length = select(states[sequence].position + 1, 0u, states[sequence].finished == 1);
    ${token}
  }
  if (lane == 0 && !finished) { slots[row.slot] = states[sequence]; }
}`,
  });
});
