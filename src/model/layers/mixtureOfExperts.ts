/** A feed-forward layer of experts, of which a router chooses some for each token. */
import { nextPowerOfTwo } from '../../gpu/variants.ts';
import { GROUP_ROWS } from '../../kernels/matmul/index.ts';
import { add, MAX_ACTIVE_EXPERTS, mixtureOfExperts as mixture } from '../../tensor/index.ts';
import type { FeedForwardDeclaration, FeedForwardLayer } from './feedForward.ts';
import { type ConfigProblem, compose, type Parameter, type TuningShape, type Weight } from './layer.ts';
import { alignment, linear, linearParameters } from './linear.ts';
import { dropped } from './pass.ts';

interface MixtureDeclaration extends FeedForwardDeclaration {
  readonly experts: number;
  /** Experts that each token is sent to. */
  readonly active: number;
}

/** f(x) = Σ weight·expert(x) over the active experts; an expert is W₂·GELU(W₁·x). */
export function mixtureOfExperts(declaration: MixtureDeclaration): FeedForwardLayer {
  const { block, dModel: d, dFF: f, bias, experts: groups, active, stream } = declaration;
  const moe = `${block}.moe`;
  const router = linear({ name: `${moe}.router`, inputs: d, outputs: groups });
  // 0 and 3: the places of the Linear layers in the original's Sequential(Linear, GELU, Dropout, Linear).
  const experts = Array.from({ length: groups }, (_, expert) => ({
    up: linearParameters(`${moe}.experts.${expert}.0`, f, d),
    down: linearParameters(`${moe}.experts.${expert}.3`, d, f),
  }));
  /** The same parameter of all experts, along a new first axis. */
  const stacked = (name: string, ofExpert: (expert: (typeof experts)[number]) => Parameter): Weight => {
    const parts = experts.map(ofExpert);
    return { name: `${moe}.${name}`, shape: [groups, ...(parts[0]?.shape ?? [])], parts };
  };
  const weight1 = stacked('linear1.weight', ({ up }) => up.weight);
  const weight2 = stacked('linear2.weight', ({ down }) => down.weight);
  const bias1 = bias ? stacked('linear1.bias', ({ up }) => up.bias) : undefined;
  const bias2 = bias ? stacked('linear2.bias', ({ down }) => down.bias) : undefined;
  const own = [weight1, bias1, weight2, bias2].filter((weight) => weight !== undefined);

  return {
    ...compose(router),
    weights: [...router.weights, ...own],
    products: [...router.products, weight1, weight2],
    parameters: [
      ...router.parameters,
      ...experts.flatMap((_, expert) => own.flatMap(({ parts }) => parts[expert] ?? [])),
    ],
    problems: [...router.problems, ...alignment(moe, f), ...activeProblems(active)],
    forward: (x, residual, pass) => {
      const logits = router.forward(x, pass);
      const weights = {
        weight1: pass.weight(weight1),
        bias1: bias1 && pass.weight(bias1),
        weight2: pass.weight(weight2),
        bias2: bias2 && pass.weight(bias2),
      };
      const { y, routing } = mixture(x, logits, active, weights, {
        batchInvariant: pass.cache !== undefined,
      });
      pass.onRouting?.(logits, routing);
      return add(residual, dropped(y, stream, pass));
    },
    mostRows: (floats) => {
      // Experts work on slots: the rows of all choices, and for each expert up to a whole group more.
      const slots = Math.floor(floats / Math.max(d, f)) - (groups + 1) * GROUP_ROWS;
      return Math.min(router.mostRows(floats), Math.floor(slots / active));
    },
    tuningShapes: (rows) => {
      const R = nextPowerOfTwo(rows.training * active);
      const forward = [
        { M: R, batchInvariant: false },
        { M: nextPowerOfTwo(rows.decoding * active), batchInvariant: true },
      ].flatMap((each): TuningShape[] => [
        { kind: 'product', ...each, N: f, K: d, bias, gelu: true, weights: true, groups },
        { kind: 'product', ...each, N: d, K: f, bias, weights: true, groups },
      ]);
      return [
        ...router.tuningShapes(rows, { shared: true }),
        { kind: 'softmax', rows: rows.training, length: groups },
        { kind: 'softmax', rows: rows.decoding, length: groups },
        ...[rows.training, rows.decoding].map(
          (count) => ({ kind: 'routing', R: count, experts: groups, k: active, d }) as const,
        ),
        ...forward,
        { kind: 'product', M: R, N: f, K: d, derivative: true, groups },
        { kind: 'product', M: R, N: d, K: f, groups },
        { kind: 'outer', R, M: f, N: d, groups },
        { kind: 'outer', R, M: d, N: f, groups },
      ];
    },
  };
}

function activeProblems(active: number): ConfigProblem[] {
  if (active <= MAX_ACTIVE_EXPERTS) return [];
  const fix = `the routing kernel chooses up to ${MAX_ACTIVE_EXPERTS} experts: use fewer`;
  return [{ problem: `activeExperts ${active} is above ${MAX_ACTIVE_EXPERTS}`, fix }];
}
