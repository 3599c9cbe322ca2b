/** Cases of a mixture of experts: its routing, and the whole layer with grouped matrix products. */
import { route } from '../../src/kernels/moe.ts';
import { backward, mixtureOfExperts, Parameters } from '../../src/tensor/index.ts';
import { activation, type KernelCase, randomTensors, WORD } from '../kernelCase.ts';

export interface ExpertShape {
  /** Number of rows, and their width. */
  readonly R: number;
  readonly d: number;
  readonly experts: number;
  /** Number of experts for each row. */
  readonly active: number;
  /** Width of an expert's hidden layer. */
  readonly f: number;
}

export function expertCases({ R, d, experts, active, f }: ExpertShape): KernelCase[] {
  const shape = `${R}×${d}, ${active} of ${experts} experts of ${f}`;
  const forward = 2 * R * active * 2 * d * f;
  const weights = experts * (2 * d * f + d + f);
  const parameterShapes = new Map([
    ['weight1', [experts, f, d]],
    ['bias1', [experts, f]],
    ['weight2', [experts, d, f]],
    ['bias2', [experts, d]],
  ]);
  return [
    {
      kernel: 'routing of experts',
      shape: `${R}, ${active} of ${experts}`,
      flops: 0,
      // Logits; the chosen experts, their weights, and their places in the grouping.
      bytes: WORD * R * (experts + 3 * active),
      prepare: (device) => {
        const logits = randomTensors(device)(R, experts);
        return () => route(device, logits.view, R, experts, active);
      },
    },
    {
      kernel: 'mixture of experts forward',
      shape,
      flops: forward,
      bytes: WORD * (2 * R * d + R * experts + weights),
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, logits] = [random(R, d), random(R, experts)];
        const [weight1, bias1] = [random(experts, f, d), random(experts, f)];
        const [weight2, bias2] = [random(experts, d, f), random(experts, d)];
        return () => mixtureOfExperts(x, logits, active, { weight1, bias1, weight2, bias2 });
      },
    },
    {
      kernel: 'mixture of experts forward and backward',
      shape,
      flops: 3 * forward,
      // Rows in and out, rows in again, and both gradients; weights twice; and their gradients, read and written.
      bytes: WORD * (5 * R * d + 3 * R * experts + 4 * weights),
      prepare: (device) => {
        const random = randomTensors(device);
        const [x, logits] = [activation(random(R, d)), activation(random(R, experts))];
        const dy = random(R, d);
        const parameters = new Parameters(device, parameterShapes);
        const [weight1, bias1] = [parameters.get('weight1'), parameters.get('bias1')];
        const [weight2, bias2] = [parameters.get('weight2'), parameters.get('bias2')];
        return () => backward(mixtureOfExperts(x, logits, active, { weight1, bias1, weight2, bias2 }).y, dy);
      },
    },
  ];
}
