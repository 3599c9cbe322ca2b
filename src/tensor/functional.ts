/** Differentiation as functions of functions: gradients of chosen inputs, gradients of one's own, recomputation. */
import { ShapeError } from '../errors.ts';
import {
  attachGradient,
  differentiable,
  enableGrad,
  gradientsOf,
  isGradEnabled,
  noGrad,
} from './autograd.ts';
import type { Generator } from './random.ts';
import { type Gradient, showShape, type Tensor } from './tensor.ts';

/** What to differentiate by. */
export interface GradOptions {
  /** Positions of the inputs to differentiate by; all unless given. */
  readonly inputs?: readonly number[];
}

/**
 * A function that returns the value of `f`, one number, with its gradients by the chosen inputs. No tensor's `grad`
 * changes, whatever else `f` uses.
 */
export function valueAndGrad<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  options: GradOptions = {},
): (...inputs: Inputs) => { readonly value: Tensor; readonly gradients: readonly Tensor[] } {
  return (...inputs) => {
    const chosen = options.inputs ?? inputs.map((_, i) => i);
    for (const i of chosen) {
      if (!inputs[i]) {
        throw new ShapeError(
          'grad',
          `input ${i} of ${inputs.length} was chosen`,
          'choose positions of inputs',
        );
      }
    }
    const leaves = inputs.map((input, i) => (chosen.includes(i) ? input.detach().requireGrad() : input));
    const value = enableGrad(() => f(...(leaves as unknown as Inputs)));
    const gradients = gradientsOf(
      value,
      chosen.map((i) => leaves[i] as Tensor),
    );
    return { value: value.detach(), gradients };
  };
}

/** A function that returns the gradients of `f`, one number, by the chosen inputs. */
export function grad<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  options: GradOptions = {},
): (...inputs: Inputs) => readonly Tensor[] {
  const both = valueAndGrad(f, options);
  return (...inputs) => both(...inputs).gradients;
}

/** A value with a gradient of your own. */
export interface CustomGradient<Inputs extends readonly Tensor[]> {
  /** Shown in errors. */
  readonly name: string;
  /** The value; what happens in it is not differentiated. */
  readonly forward: (...inputs: Inputs) => Tensor;
  /** Gradients by each input, undefined for none, from the gradient dy of the output y. */
  readonly backward: (
    dy: Tensor,
    values: { readonly inputs: Inputs; readonly y: Tensor },
  ) => readonly Gradient[];
}

/** An op of one's own, as PyTorch's `torch.autograd.Function`. */
export function customGradient<Inputs extends readonly Tensor[]>(
  op: CustomGradient<Inputs>,
): (...inputs: Inputs) => Tensor {
  return (...inputs) => {
    const y = noGrad(() => op.forward(...inputs)).detach();
    differentiable(op.name, inputs, [y], ([dy]) => {
      if (!dy) return [];
      const gradients = op.backward(dy, { inputs, y });
      inputs.forEach((input, i) => {
        const gradient = gradients[i];
        if (gradient && showShape(gradient.shape) !== showShape(input.shape)) {
          throw new ShapeError(
            op.name,
            `the gradient of input ${i} has shape ${showShape(gradient.shape)}, the input ${showShape(input.shape)}`,
            'return a gradient of the shape of the input, or undefined',
          );
        }
      });
      return gradients;
    });
    return y;
  };
}

/** What must be the same in both runs. */
export interface CheckpointOptions {
  /** Generators that `f` draws from: the second run gets the same numbers. */
  readonly generators?: readonly Generator[];
}

/**
 * f(...inputs), keeping none of the values in between: the backward pass computes them again (Chen et al., 1604.06174).
 * `f` must compute the same both times.
 */
export function checkpoint<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  inputs: Inputs,
  { generators = [] }: CheckpointOptions = {},
): Tensor {
  const device = inputs[0]?.device;
  if (!device)
    throw new ShapeError('checkpoint', 'there are no inputs', 'give the tensors f works on as inputs');
  if (!isGradEnabled()) return f(...inputs);
  const run = (): { readonly leaves: readonly Tensor[]; readonly output: Tensor } => {
    const leaves = inputs.map((input) => {
      const leaf = input.detach();
      return input.requiresGrad ? leaf.requireGrad() : leaf;
    });
    return { leaves, output: enableGrad(() => f(...(leaves as unknown as Inputs))) };
  };
  let before: ReturnType<Generator['state']>[] = [];
  device.onRun(() => {
    before = generators.map((generator) => generator.state());
  });
  const scope = device.scope();
  const { output } = run();
  scope.keep(output.view);
  scope[Symbol.dispose]();
  const y = output.detach();
  if (!output.requiresGrad) return y;
  attachGradient('checkpoint', inputs, [y], ([dy]) => {
    if (!dy) return [];
    let after: typeof before = [];
    const restore = (states: () => typeof before): void =>
      device.onRun(() => {
        for (const [i, state] of states().entries()) generators[i]?.restore(state);
      });
    device.onRun(() => {
      after = generators.map((generator) => generator.state());
    });
    restore(() => before);
    const { leaves, output: again } = run();
    restore(() => after);
    return gradientsOf(
      again,
      leaves.filter(({ requiresGrad }) => requiresGrad),
      dy,
      'keep',
    );
  });
  return y;
}
