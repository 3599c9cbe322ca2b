/** The trainings to kill: small, with every feature that has a state. */

const TASK = ['--operators', '+,-', '--max_digits', '2', '--max_depth', '1', '--eval_size', '20', '--quiet'];

const grpo = (steps: number): string[] => [
  ...['grpo', '--checkpoint', 'tests/fixtures/checkpoints/tiny_easy.pt', '--steps', String(steps)],
  ...[
    '--batch_size',
    '4',
    '--group_size',
    '4',
    '--max_gen_len',
    '16',
    '--lr',
    '1e-3',
    '--scheduler',
    'cosine',
  ],
  ...['--dynamic_sampling', '--curriculum', '--epochs', '2', '--mini_batches', '2', '--kl_target', '0.02'],
  ...['--kl_horizon', '500', '--ref_sync_steps', '30', '--save_interval', '5', '--eval_interval', '20'],
  ...['--keep_last', '2', '--tensorboard', ...TASK],
];

/** For each training by name, the arguments of train.ts for `steps` optimiser steps. */
export const TRAININGS: Readonly<Record<string, (steps: number) => string[]>> = {
  pretrain: (steps) => [
    ...[
      'pretrain',
      '--modelsize',
      'tiny',
      '--steps',
      '2',
      '--num_examples',
      String(4 * Math.ceil(steps / 2)),
    ],
    ...[
      '--batch_size',
      '4',
      '--dropout',
      '0.1',
      '--practice',
      '--save_interval',
      '7',
      '--keep_last',
      '2',
      ...TASK,
    ],
  ],
  grpo,
  'grpo on completions of earlier policies': (steps) => [...grpo(steps), '--staleness', '2'],
};
