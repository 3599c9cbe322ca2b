/** The models that GRPO starts from. */
import type { Start } from './experiment.ts';

/** Pretraining that leaves GRPO the most to improve: mostly worked steps, and a constant learning rate. */
const CONSTANT_RATE = {
  numExamples: 32_000,
  batchSize: 32,
  scheduler: 'none',
  dropout: 0,
  scratchpadProbability: 0.9,
  littleProbability: 0,
  seed: 0,
} as const;

/** The problems of the headline result, for training and evaluation. */
const HEADLINE = {
  setting: { operators: 'min,max,abs,next,prev', maxDigits: 2, maxDepth: 3, maxNewTokens: 128 },
  evalSize: 1000,
} as const;

/** All starts. */
export const STARTS: readonly Start[] = [
  {
    name: 'tiny_easy',
    about: 'a `tiny` of the original Python project, trained on `+,-`, one digit, depth 1',
    kind: 'reference',
    path: 'tests/fixtures/checkpoints/tiny_easy.pt',
    setting: { operators: '+,-', maxDigits: 1, maxDepth: 1, maxNewTokens: 64 },
    // All held-out problems of this small space.
    evalSize: 114,
  },
  {
    name: 'tiny_depth_2',
    about: 'a `tiny`, 4,000 supervised steps of 32 examples of `+,-`, one digit, depth 2, at 1e-2',
    kind: 'pretrained',
    modelsize: 'tiny',
    options: { ...CONSTANT_RATE, steps: 4, lr: 1e-2 },
    setting: { operators: '+,-', maxDigits: 1, maxDepth: 2, maxNewTokens: 96 },
    evalSize: 1000,
  },
  {
    name: 'small_depth_3',
    about: 'a `small`, 3,000 supervised steps of 32 examples of `+,-`, two digits, depth 3, at 5e-3',
    kind: 'pretrained',
    modelsize: 'small',
    options: { ...CONSTANT_RATE, steps: 3, lr: 5e-3, practice: true },
    setting: { operators: '+,-', maxDigits: 2, maxDepth: 3, maxNewTokens: 256 },
    evalSize: 1000,
  },
  {
    name: 'small_early',
    about:
      'a `small`, 850 supervised steps of 32 examples of `min,max,abs,next,prev`, two digits, depth 3, at 5e-3',
    kind: 'pretrained',
    modelsize: 'small',
    options: { ...CONSTANT_RATE, numExamples: 27_200, steps: 1, lr: 5e-3, practice: true },
    ...HEADLINE,
  },
  {
    name: 'small_longer',
    about:
      'a `small`, 3,000 supervised steps of 32 examples of `min,max,abs,next,prev`, two digits, depth 3, at 5e-3',
    kind: 'pretrained',
    modelsize: 'small',
    options: { ...CONSTANT_RATE, steps: 3, lr: 5e-3, practice: true },
    ...HEADLINE,
  },
  {
    name: 'tiny_depth_3',
    about:
      'a `tiny`, 3,000 supervised steps of 32 examples of `min,max,abs,next,prev`, two digits, depth 3, at 1.5e-2',
    kind: 'pretrained',
    modelsize: 'tiny',
    options: { ...CONSTANT_RATE, steps: 3, lr: 1.5e-2, practice: true },
    ...HEADLINE,
  },
  {
    name: 'tiny_depth_3_longer',
    about: 'the `tiny` before, 4,000 supervised steps more, at 2e-2',
    kind: 'pretrained',
    from: 'tiny_depth_3',
    modelsize: 'tiny',
    options: { ...CONSTANT_RATE, steps: 4, lr: 2e-2, practice: true, seed: 1 },
    ...HEADLINE,
  },
];

/** Return the start with this name. @throws Error if there is none. */
export function startNamed(name: string): Start {
  const start = STARTS.find((each) => each.name === name);
  if (start) return start;
  throw new Error(`there is no start called ${name}`);
}
