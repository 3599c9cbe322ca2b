/** The models that GRPO begins from. */
import type { Start } from './experiment.ts';

/** All starts. */
export const STARTS: readonly Start[] = [
  {
    name: 'tiny_easy',
    about: 'a `tiny` of the original Python project, trained on `+,-`, one digit, depth 1',
    kind: 'reference',
    path: '../shared/reference/tiny_easy.pt',
    setting: { operators: '+,-', maxDigits: 1, maxDepth: 1, maxGenLen: 64 },
    // All that are held out of this small space.
    evalSize: 114,
  },
];
