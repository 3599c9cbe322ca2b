/**
 * A character-level language model built from tensor ops: a small decoder-only transformer with ALiBi attention
 * (Press et al., 2108.12409) learns a text file, then continues it.
 *
 *     npx tsx examples/characterModel.ts [file, README.md by default] [--steps 300] [--length 300]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { openDevice } from 'mathformer';
import {
  AdamW,
  attention,
  backward,
  cosineWithWarmup,
  crossEntropy,
  embedding,
  Generator,
  layerNorm,
  linear,
  multinomial,
  narrow,
  noGrad,
  Packing,
  Parameters,
  randint,
  type Shape,
  softmax,
  Tensor,
  uniform,
} from 'mathformer/tensor';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '300' },
    length: { type: 'string', default: '300' },
  },
});
const steps = Number(flags.steps);
const length = Number(flags.length);
const LAYERS = 2;
const WIDTH = 64;
const HEADS = 4;
const CONTEXT = 64;
const BATCH = 16;
const LEARNING_RATE = 3e-3;

const text = readFileSync(positionals[0] ?? 'README.md', 'utf8');
const characters = [...new Set(text)].sort();
const tokens = Uint32Array.from(text, (character) => characters.indexOf(character));

const device = await openDevice();
const generator = new Generator(0);

const shapes = new Map<string, Shape>([['embedding.weight', [characters.length, WIDTH]]]);
function addNorm(name: string): void {
  shapes.set(`${name}.weight`, [WIDTH]).set(`${name}.bias`, [WIDTH]);
}
function addLinear(name: string, outputs: number, inputs: number): void {
  shapes.set(`${name}.weight`, [outputs, inputs]).set(`${name}.bias`, [outputs]);
}
for (let layer = 0; layer < LAYERS; layer++) {
  addNorm(`${layer}.norm1`);
  addLinear(`${layer}.qkv`, 3 * WIDTH, WIDTH);
  addLinear(`${layer}.projection`, WIDTH, WIDTH);
  addNorm(`${layer}.norm2`);
  addLinear(`${layer}.expand`, 4 * WIDTH, WIDTH);
  addLinear(`${layer}.contract`, WIDTH, 4 * WIDTH);
}
addNorm('norm');
addLinear('output', characters.length, WIDTH);
const parameters = new Parameters(device, shapes);
for (const [name, parameter] of parameters.entries()) {
  if (name.endsWith('bias')) continue; // biases start at 0
  if (name.includes('norm')) parameter.set(new Float32Array(parameter.size).fill(1));
  else {
    const bound = name === 'embedding.weight' ? 1 : 1 / Math.sqrt(parameter.shape[1] ?? 1);
    parameter.set(await uniform(device, parameter.shape, -bound, bound, { generator }).data());
  }
}
/** ALiBi slope of each head: 2^(−8(h+1)/H). */
const slopes = Tensor.from(
  device,
  Array.from({ length: HEADS }, (_, head) => 2 ** ((-8 * (head + 1)) / HEADS)),
);

const norm = (x: Tensor, name: string): Tensor =>
  layerNorm(x, parameters.get(`${name}.weight`), parameters.get(`${name}.bias`));

const apply = (x: Tensor, name: string, options = {}): Tensor =>
  linear(x, parameters.get(`${name}.weight`), parameters.get(`${name}.bias`), options);

/** Return logits (R,V) for token ids (R) of sequences that are packed end to end, as `packing` describes. */
function model(ids: Tensor, packing: Packing): Tensor {
  let x = embedding(ids, parameters.get('embedding.weight'));
  for (let layer = 0; layer < LAYERS; layer++) {
    const heads = attention(apply(norm(x, `${layer}.norm1`), `${layer}.qkv`), packing, { slopes });
    x = apply(heads, `${layer}.projection`, { residual: x });
    const hidden = apply(norm(x, `${layer}.norm2`), `${layer}.expand`, { activation: 'gelu' });
    x = apply(hidden, `${layer}.contract`, { residual: x });
  }
  return apply(norm(x, 'norm'), 'output');
}

const optimizer = new AdamW(parameters, { weightDecay: 0.01, gradClip: 1 });
const packing = new Packing(Array(BATCH).fill(CONTEXT));
/** Start of each row of each step in the text. */
const starts = await randint(device, [steps * BATCH], 0, tokens.length - CONTEXT, { generator }).data();
console.log(
  `${tokens.length} characters, ${characters.length} of them different, ${parameters.count()} parameters`,
);
for (let step = 0; step < steps; step++) {
  using _ = device.scope(); // frees this step's tensors at its end
  const inputs = new Uint32Array(BATCH * CONTEXT);
  const targets = new Uint32Array(BATCH * CONTEXT);
  for (let row = 0; row < BATCH; row++) {
    const start = starts[step * BATCH + row] ?? 0;
    inputs.set(tokens.subarray(start, start + CONTEXT), row * CONTEXT);
    targets.set(tokens.subarray(start + 1, start + CONTEXT + 1), row * CONTEXT);
  }
  parameters.zeroGrad();
  const logits = model(Tensor.from(device, inputs), packing);
  const loss = crossEntropy(logits, Tensor.from(device, targets));
  backward(loss);
  optimizer.step(
    cosineWithWarmup(step, { totalSteps: steps, warmupRatio: 0.05, lr: LEARNING_RATE, minLr: 0 }),
  );
  if (step % 50 === 0 || step === steps - 1) {
    console.log(`step ${step + 1}: loss ${(await loss.item()).toFixed(3)} nats per character`);
  }
}

const written = [...tokens.subarray(0, 1)];
while (written.length < length) {
  using _ = device.scope();
  const context = Uint32Array.from(written.slice(-CONTEXT));
  const next = noGrad(() => {
    const logits = model(Tensor.from(device, context), new Packing([context.length]));
    return multinomial(softmax(narrow(logits, 0, context.length - 1, 1)), 1, { generator });
  });
  written.push(await next.item());
}
console.log(`\n${written.map((token) => characters[token]).join('')}`);
