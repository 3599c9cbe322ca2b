/**
 * Whole training steps, by benny:
 *
 *   grpo step   one GRPO step of `tiny` at the original's settings: 32 problems × 4 completions of up to 256 tokens,
 *               every default operator, 2 digits, depth 3, from the original's checkpoint
 *   rollout     its rollout alone
 *   supervised  one step on 128 packed sequences of 64 tokens, for tiny and small; with η, its share of the adapter's
 *               peak: 6·parameters·tokens FLOPs, and 6·layers·d·length per token for attention, over P·time
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import benny from 'benny';
import type { Device } from '../src/gpu/device.ts';
import { grpoOptions } from '../src/grpo/options.ts';
import { GrpoTrainer } from '../src/grpo/trainer.ts';
import { peakFlops } from '../src/kernels/peak.ts';
import { readCheckpoint } from '../src/model/checkpoint/index.ts';
import { modelConfig, parameterShapes } from '../src/model/config.ts';
import { Transformer } from '../src/model/transformer.ts';
import { supervisedStep } from './supervisedStep.ts';

const CHECKPOINT = fileURLToPath(new URL('../tests/fixtures/checkpoints/tiny.pt', import.meta.url));
const BATCH = 128;
const LENGTH = 64;
const SIZES = ['tiny', 'small'] as const;
const supervisedName = (size: string): string => `supervised step, ${size}, ${BATCH} × ${LENGTH}`;

/** FLOPs of a supervised step, forward and backward. */
function supervisedFlops(size: 'tiny' | 'small'): number {
  const config = modelConfig(size);
  let parameters = 0;
  for (const shape of parameterShapes(config).values())
    parameters += shape.reduce((product, n) => product * n, 1);
  return BATCH * LENGTH * 6 * (parameters + config.nLayers * config.dModel * LENGTH);
}

function grpoTrainer(device: Device): GrpoTrainer {
  const { config, stateDict } = readCheckpoint(readFileSync(CHECKPOINT), 'tiny.pt');
  return new GrpoTrainer(new Transformer(device, config, stateDict), grpoOptions());
}

/** A case that benny has finished. */
interface Finished {
  readonly name: string;
  readonly details: { readonly median: number };
  readonly margin: number;
}

/** Runs the steps and saves what benny measured as `<folder>/steps.json`. */
export async function benchSteps(device: Device, folder: string, title: string): Promise<void> {
  const peak = await peakFlops(device);
  console.log(`P = ${(peak / 1e9).toFixed(1)} GFLOP/s of multiply-adds on ${title}`);

  /** One line for a finished case, with its η where its FLOPs are known. */
  const report = ({ name, details, margin }: Finished): string => {
    const size = SIZES.find((candidate) => supervisedName(candidate) === name);
    const eta = size && supervisedFlops(size) / (peak * details.median);
    const line = `${name}: median ${(details.median * 1000).toFixed(1)} ms, ±${margin} %`;
    return eta === undefined ? line : `${line}, η = ${eta.toFixed(3)}`;
  };

  await benny.suite(
    `training steps on ${title}`,
    benny.add('grpo step, tiny, 32 × 4 × 256', async () => {
      const trainer = grpoTrainer(device);
      await trainer.step();
      return async () => {
        await trainer.step();
      };
    }),
    benny.add('rollout, tiny, 32 × 4 × 256', async () => {
      const trainer = grpoTrainer(device);
      await trainer.rollout();
      return async () => {
        await trainer.rollout();
      };
    }),
    ...SIZES.map((size) =>
      benny.add(supervisedName(size), async () => {
        const step = supervisedStep(device, modelConfig(size), { batch: BATCH, length: LENGTH });
        await step().item();
        return async () => {
          await step().item();
        };
      }),
    ),
    benny.cycle(report),
    benny.complete(),
    benny.save({ file: 'steps', folder, format: 'json', details: true }),
  );
}
