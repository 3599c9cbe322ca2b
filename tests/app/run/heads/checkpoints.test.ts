/** Checkpoints by their files, in the order of training. */
import { expect, it } from 'vitest';
import { keptCheckpoints } from '../../../../app/src/run/heads/checkpoints.ts';

const files = (...names: string[]) =>
  names.map((name) => ({ name: `checkpoints/${name}`, bytes: 1, modified: 0 }));

it('are those of the manifest in its order, and the final weights', () => {
  const kept = keptCheckpoints(
    files(
      ...[
        'manifest.json',
        'model_step1.safetensors',
        'model_step1.optimizer.safetensors',
        'model_step1.json',
      ],
      ...['reference-00ff.safetensors', 'rl_model_final.safetensors', 'rl_model_step30.safetensors'],
      ...['rl_model_step60.safetensors', 'rl_model_step90.safetensors'],
    ),
    {
      checkpoints: ['model_step1', 'rl_model_step30', 'rl_model_step60', 'rl_model_step90', 'gone'].map(
        (name) => ({ name }),
      ),
    },
  );
  // The last step has the final weights.
  expect(kept.map(({ label }) => label)).toEqual([
    ...['pretraining, pass 1', 'GRPO, step 30', 'GRPO, step 60', 'final'],
  ]);
  expect(kept.at(-1)?.file).toBe('checkpoints/rl_model_final.safetensors');
});

it('are ordered by their names where there is no manifest, or a damaged one', () => {
  const all = files(
    ...['rl_model_step9.safetensors', 'rl_model_step10.safetensors', 'rl_model_step0.safetensors'],
    ...[
      'model_update0.safetensors',
      'model_update500.safetensors',
      'model_step2.safetensors',
      'mine.safetensors',
    ],
  );
  for (const manifest of [undefined, null, 3, { checkpoints: {} }, { checkpoints: [null, 3, { name: 4 }] }]) {
    expect(keptCheckpoints(all, manifest).map(({ label }) => label)).toEqual([
      ...['before pretraining', 'pretraining, step 500', 'pretraining, pass 2'],
      ...['before GRPO', 'GRPO, step 9', 'GRPO, step 10', 'mine'],
    ]);
  }
});

it('are others if their files have another content', () => {
  const at = (modified: number) =>
    keptCheckpoints([{ name: 'checkpoints/rl_model_step0.safetensors', bytes: 1, modified }], undefined)[0];
  expect(at(1)?.version).not.toBe(at(2)?.version);
  expect(at(1)).toEqual(at(1));
});

it('are none in a run without any', () => {
  expect(keptCheckpoints([{ name: 'config.json', bytes: 1, modified: 0 }], undefined)).toEqual([]);
});
