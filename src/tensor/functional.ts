/** Functional differentiation: gradients of chosen inputs, custom gradients, recomputation. */
import {
  expectOptions,
  functionKind,
  instanceOf,
  integer,
  listOf,
  type OptionKinds,
  text,
} from '../base/arguments.ts';
import { ShapeError } from '../base/errors.ts';
import { attachGradient, differentiable, gradientsOf, isGradEnabled, withGrad } from './autograd.ts';
import { expectTensor } from './operands.ts';
import { Generator } from './random.ts';
import { expectNoPromise, expectSynchronous } from './synchronous.ts';
import { type Gradient, showShape, type Tensor } from './tensor.ts';

/** Options of `grad` and `valueAndGrad`. */
export interface GradOptions {
  /** Positions of the inputs to differentiate by. Default: all. */
  readonly inputs?: readonly number[];
}

const GRAD_OPTIONS: OptionKinds<GradOptions> = { inputs: listOf(integer(), 'positions') };

/** The inputs of all functions that are currently being differentiated. */
const differentiated = new Set<Tensor>();

/**
 * Return a function that computes the value of `f`, one number, and its gradients by the chosen inputs. Both are constants:
 * there are no second derivatives. No tensor's `grad` changes, even if `f` uses leaves.
 * @throws ShapeError if `f` returns more than one number, or if it would need second derivatives.
 */
export function valueAndGrad<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  options: GradOptions = {},
): (...inputs: Inputs) => { readonly value: Tensor; readonly gradients: readonly Tensor[] } {
  expectSynchronous('grad', f);
  expectOptions('grad', options, GRAD_OPTIONS);
  return (...inputs) => {
    for (const [i, input] of inputs.entries()) expectTensor('grad', `input ${i}`, input);
    const chosen = options.inputs ?? inputs.map((_, i) => i);
    for (const i of chosen) {
      const what = inputs[i] ? inputs[i].dtype !== 'f32' && `input ${i}, ${inputs[i].dtype},` : `input ${i}`;
      if (!what) continue;
      const which = `${what} of ${inputs.length} was chosen`;
      throw new ShapeError('grad', which, "choose positions of f32 inputs with the option 'inputs'");
    }
    const leaves: readonly Tensor[] = inputs.map((input, i) =>
      chosen.includes(i) ? input.detach().requireGrad() : input,
    );
    const by = chosen.map((i) => leaves[i] as Tensor);
    const outer = [...differentiated];
    for (const leaf of by) differentiated.add(leaf);
    let value: Tensor;
    try {
      value = withGrad('grad', true, () => f(...(leaves as Inputs)));
    } finally {
      for (const leaf of by) differentiated.delete(leaf);
    }
    expectTensor('grad', 'what the function returned', value);
    refuseSecondDerivatives([...inputs, value], outer);
    if (value.size !== 1) {
      const shape = showShape(value.shape);
      throw new ShapeError('grad', `the function returned shape ${shape}, not one value`, 'use sum or mean');
    }
    return { value: value.detach(), gradients: gradientsOf(value, by) };
  };
}

/** Refuse second derivatives: gradients have no graph, so that their derivatives would silently be 0. */
function refuseSecondDerivatives(used: readonly Tensor[], outer: readonly Tensor[]): void {
  const seen = new Set<Tensor>();
  const pending = outer.length > 0 ? [...used] : [];
  for (let tensor = pending.pop(); tensor; tensor = pending.pop()) {
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    if (outer.includes(tensor)) {
      throw new ShapeError(
        'grad',
        'a gradient is taken inside of a function that is differentiated by the same tensors',
        'there are no second derivatives: detach() what the inner gradient depends on if it is to be a constant',
      );
    }
    pending.push(...(tensor.node?.inputs ?? []));
  }
}

/** Return a function that computes the gradients of `f`, one number, by the chosen inputs. */
export function grad<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  options: GradOptions = {},
): (...inputs: Inputs) => readonly Tensor[] {
  const both = valueAndGrad(f, options);
  return (...inputs) => both(...inputs).gradients;
}

/** An op with a custom gradient. */
export interface CustomGradient<Inputs extends readonly Tensor[]> {
  /** Name in errors. */
  readonly name: string;
  /** Compute the value. Ops inside are not differentiated. */
  readonly forward: (...inputs: Inputs) => Tensor;
  /** Return the gradient by each input (undefined for none), from the gradient dy of the output y. */
  readonly backward: (
    dy: Tensor,
    values: { readonly inputs: Inputs; readonly y: Tensor },
  ) => readonly Gradient[];
}

const CUSTOM_GRADIENT: OptionKinds<Pick<CustomGradient<readonly Tensor[]>, 'name' | 'forward' | 'backward'>> =
  {
    name: text,
    forward: functionKind,
    backward: functionKind,
  };

/** Make an op with a custom gradient, like PyTorch's `torch.autograd.Function`. */
export function customGradient<Inputs extends readonly Tensor[]>(
  op: CustomGradient<Inputs>,
): (...inputs: Inputs) => Tensor {
  expectOptions('customGradient', op, CUSTOM_GRADIENT, ['name', 'forward', 'backward']);
  expectSynchronous(op.name, op.forward);
  expectSynchronous(op.name, op.backward);
  return (...inputs) => {
    const result = withGrad(op.name, false, () => op.forward(...inputs));
    expectTensor(op.name, 'what forward returned', result);
    const y = result.detach();
    differentiable(op.name, inputs, y, (dy) => {
      const gradients = op.backward(dy, { inputs, y });
      expectNoPromise(op.name, gradients);
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

/** Options of `checkpoint`. */
export interface CheckpointOptions {
  /** Generators that `f` draws from. The recomputation gets the same numbers. */
  readonly generators?: readonly Generator[];
}

const CHECKPOINT_OPTIONS: OptionKinds<CheckpointOptions> = {
  generators: listOf(instanceOf(Generator), 'generators'),
};

/**
 * Return f(...inputs) without saving intermediate values: the backward pass recomputes them (Chen et al., 1604.06174).
 * `f` must compute the same both times.
 */
export function checkpoint<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  inputs: Inputs,
  options: CheckpointOptions = {},
): Tensor {
  expectSynchronous('checkpoint', f);
  expectOptions('checkpoint', options, CHECKPOINT_OPTIONS);
  for (const [i, input] of inputs.entries()) expectTensor('checkpoint', `input ${i}`, input);
  const { generators = [] } = options;
  const device = inputs[0]?.device;
  if (!device)
    throw new ShapeError('checkpoint', 'there are no inputs', 'give the tensors f works on as inputs');
  if (!isGradEnabled()) return f(...inputs);
  const run = (): { readonly leaves: readonly Tensor[]; readonly output: Tensor } => {
    const leaves: readonly Tensor[] = inputs.map((input) => {
      const leaf = input.detach();
      return input.requiresGrad ? leaf.requireGrad() : leaf;
    });
    const output = withGrad('checkpoint', true, () => f(...(leaves as Inputs)));
    expectTensor('checkpoint', 'what the function returned', output);
    return { leaves, output };
  };
  const states = () => generators.map((generator) => generator.state());
  const remember = (): (() => ReturnType<typeof states>) => {
    let saved: ReturnType<typeof states> = [];
    device.onRun(() => {
      saved = states();
    });
    return () => saved;
  };
  const restore = (saved: () => ReturnType<typeof states>): void =>
    device.onRun(() => {
      for (const [i, state] of saved().entries()) generators[i]?.restore(state);
    });
  const before = remember();
  /** Run `body` with the random numbers of the first run. */
  const repeated = <Result>(body: () => Result): Result => {
    const after = remember();
    restore(before);
    try {
      return body();
    } finally {
      restore(after);
    }
  };
  const first = (): Tensor => {
    using scope = device.scope();
    const { output } = run();
    scope.keep(output.view);
    return output;
  };
  const output = first();
  const y = output.detach();
  if (!output.requiresGrad) return y;
  attachGradient('checkpoint', inputs, [y], ([dy]) => {
    if (!dy) return [];
    const { leaves, output: again } = repeated(run);
    const gradients = gradientsOf(
      again,
      leaves.filter(({ requiresGrad }) => requiresGrad),
      dy,
      'keep',
    ).values();
    return leaves.map(({ requiresGrad }) => (requiresGrad ? gradients.next().value : undefined));
  });
  return y;
}
