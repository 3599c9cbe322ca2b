/** A thread to a part of a result's values; neighbouring threads have neighbouring results. Runs on every adapter. */
import { defineKernel, gridOf, launchOf } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import { perElement } from '../../gpu/perElement.ts';
import { cascade } from '../cascade.ts';
import {
  buffersOf,
  formOf,
  paramsOf,
  type ReduceForm,
  type ReduceOptions,
  type ReduceVariant,
  reduceInterface,
  sizeOf,
} from './interface.ts';

const LEVELS = 4;
/** Values that a thread takes in. */
const PART = 4 ** LEVELS;

const kernelOf = memoize((form: ReduceForm) => {
  const { label, start, unlessDone, value, store, ...bindings } = reduceInterface(form);
  return defineKernel({
    ...bindings,
    name: `reduce ${label}`,
    ...perElement(['outputs', 'parts'])`let part = id / params.outputs;
  let output = id % params.outputs;
  ${start}
  let end = ${unlessDone(`min((part + 1) * ${PART}, params.length)`)};
  ${cascade({
    totals: { total: form.reduction.initial },
    value: (_, i) => value(i),
    from: `part * ${PART}`,
    to: 'end',
    levels: LEVELS,
    combine: (a, b) => `combined(${a}, ${b})`,
  })}
  ${store}`,
  });
});

const parts = ({ groups }: ReduceOptions): number => Math.max(1, Math.ceil(sizeOf(groups).length / PART));

export const reduceByThread: ReduceVariant = {
  name: 'thread',
  fits: () => true,
  parts: (_, options) => parts(options),
  totals: ({ groups }, count) => {
    const { outputs } = sizeOf(groups);
    return [
      { size: count, stride: outputs, reduced: true },
      { size: outputs, stride: 1, reduced: false },
    ];
  },
  plan: (_, options) => {
    const params = paramsOf(options, parts(options));
    const kernel = kernelOf(formOf(options));
    return launchOf(kernel, buffersOf(options.views), { params, workgroups: gridOf(kernel, params) });
  },
};
