/** The practice that the lessons on the clip and on the KL show: one group, learnt from several times. */

/** Steps on the same completions. */
export const STEPS = 8;

export const PRACTICE = {
  ...{ expression: '7+3', groupSize: 8, temperature: 1, topK: 0, seed: 3 },
  ...{ steps: STEPS, lr: 3e-4 },
} as const;
