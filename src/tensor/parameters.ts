/**
 * Named parameters in flat arenas, and their gradients in arenas of the same layout. An optimiser step, zeroing and copying
 * then take a few dispatches for any number of parameters. There is one arena, or several if one would exceed a binding.
 */
import {
  expectKind,
  expectOptions,
  expectShape,
  instanceOf,
  listOf,
  type OptionKinds,
  text,
} from '../base/arguments.ts';
import { GpuError, MathformerError } from '../base/errors.ts';
import { INSPECT } from '../base/inspection.ts';
import { type BufferView, MIN_VIEW_BYTES } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { readAll, uploadAll } from './arenas.ts';
import { expectDevice } from './operands.ts';
import { markChanged, type Shape, showShape, sizeOf, Tensor } from './tensor.ts';
import { transposeTogether } from './transposes.ts';

/** Alignment of parameters, in 32-bit words: storage bindings start at multiples of 256 bytes. */
const ALIGNMENT = 64;

/** Consecutive parameters, and their gradients. */
export interface ParameterArena {
  /** Number of values, padding included: a multiple of 4. */
  readonly size: number;
  readonly values: BufferView;
  readonly gradients: BufferView;
}

/** Options of `Parameters`. */
export interface ParametersOptions {
  /**
   * Names of weights (…,N,K) of linear layers and experts. Adapters whose products read transposed weights then transpose all of
   * them in one dispatch after a change. Default: none; each weight is transposed alone.
   */
  readonly weights?: readonly string[];
}

const OPTIONS: OptionKinds<ParametersOptions> = { weights: listOf(text, 'names') };

/** Named tensors that require a gradient, in arenas. */
export class Parameters {
  readonly device: Device;
  /** In the order of the parameters. Concatenated, they are equal for any number of arenas. */
  readonly arenas: readonly ParameterArena[];
  /** Number of values in all arenas, padding included: a multiple of 4. */
  readonly size: number;
  readonly #tensors = new Map<string, Tensor>();
  /** For each parameter, the index of its first value in `data`. */
  readonly #offsets = new Map<string, number>();

  /** @throws GpuError if a single parameter is larger than a binding, or if memory runs out. */
  constructor(device: Device, shapes: ReadonlyMap<string, Shape>, options: ParametersOptions = {}) {
    expectDevice('Parameters', device);
    expectKind('Parameters', 'the second argument', shapes, instanceOf(Map));
    expectOptions('Parameters', options, OPTIONS);
    for (const [name, shape] of shapes) expectShape(`Parameters: '${name}'`, shape);
    this.device = device;
    const groups = groupsOf(device, shapes);
    this.size = groups.reduce((total, { size }) => total + size, 0);
    const allocate = (size: number, label: string): BufferView => {
      const view = device.allocatePersistent(size * 4, label);
      device.clear(view);
      return view;
    };
    this.arenas = groups.map(({ size }) => ({
      size,
      values: allocate(size, 'parameters'),
      gradients: allocate(size, 'gradients'),
    }));
    let start = 0;
    for (const [i, { values, gradients, size }] of this.arenas.entries()) {
      for (const { name, shape, offset } of groups[i]?.members ?? []) {
        const range = { offset: offset * 4, bytes: Math.max(MIN_VIEW_BYTES, sizeOf(shape) * 4) };
        const tensor = new Tensor(device, { buffer: values.buffer, ...range }, shape);
        tensor.grad = new Tensor(device, { buffer: gradients.buffer, ...range }, shape);
        this.#tensors.set(name, tensor.requireGrad());
        this.#offsets.set(name, start + offset);
      }
      start += size;
    }
    this.#transposeTogether(options.weights ?? []);
  }

  /** Return the parameter of this name. @throws MathformerError if there is none. */
  get(name: string): Tensor {
    return this.#tensors.get(name) ?? this.#refuse(name);
  }

  /** Iterate over names and parameters, in the given order. */
  entries(): IterableIterator<[string, Tensor]> {
    return this.#tensors.entries();
  }

  /** Return names and shapes in one line. */
  toString(): string {
    const shown = [...this.#tensors].map(([name, { shape }]) => `${name}${showShape(shape)}`).join(', ');
    return `Parameters of ${this.count()} values on ${this.device.name}: ${shown}`;
  }

  /** Return the value for `JSON.stringify`. */
  toJSON(): object {
    const shapes = Object.fromEntries([...this.#tensors].map(([name, { shape }]) => [name, shape]));
    return { device: this.device.name, shapes };
  }

  /** Return the text for `console.log` in Node. */
  [INSPECT](): string {
    return this.toString();
  }

  /** Return the number of values, without padding. */
  count(): number {
    return [...this.#tensors.values()].reduce((sum, tensor) => sum + tensor.size, 0);
  }

  /** A number that changes with every change of a value. */
  get version(): number {
    return this.arenas.reduce((sum, { values }) => sum + values.buffer.version, 0);
  }

  /** Wait for the values of all arenas, (size), padding included. */
  data(): Promise<Float32Array<ArrayBuffer>> {
    return readAll(
      this.device,
      this.arenas.map(({ values }) => values),
    );
  }

  /** Return the index of a parameter's first value in `data`. @throws MathformerError if there is no such parameter. */
  offsetOf(name: string): number {
    return this.#offsets.get(name) ?? this.#refuse(name);
  }

  /** Replace all values, given the `data` of parameters with the same layout. */
  set(data: Float32Array<ArrayBuffer>): void {
    uploadAll(
      this.device,
      this.arenas.map(({ values }) => values),
      data,
    );
    this.changed();
  }

  /** Set every gradient to 0. */
  zeroGrad(): void {
    for (const { gradients } of this.arenas) this.device.clear(gradients);
  }

  /** Notify caches of derived values that the values have changed. */
  changed(): void {
    for (const { values } of this.arenas) markChanged({ device: this.device, view: values });
  }

  /** Copy the values of parameters with the same layout. */
  copyFrom(other: Parameters): void {
    this.#refuseOtherLayout(other);
    for (const [i, { values, size }] of this.arenas.entries()) {
      const source = other.arenas[i];
      if (source) this.device.copy(source.values, values, size * 4);
    }
    this.changed();
  }

  /** Free the values and the gradients. */
  dispose(): void {
    for (const { values, gradients } of this.arenas) {
      this.device.release(values);
      this.device.release(gradients);
    }
  }

  #transposeTogether(names: readonly string[]): void {
    const weights = names.map((name) => this.get(name));
    for (const { values } of this.arenas) {
      const ofArena = weights.filter(
        ({ view, shape }) =>
          view.buffer === values.buffer && shape.length >= 2 && (shape.at(-1) ?? 0) % 4 === 0,
      );
      if (ofArena.length > 0) transposeTogether(values.buffer, ofArena);
    }
  }

  #refuseOtherLayout(other: Parameters): void {
    expectKind('copyFrom', 'the argument', other, instanceOf(Parameters));
    const layout = (parameters: Parameters): string =>
      [...parameters.entries()].map(([name, { shape }]) => `${name}${showShape(shape)}`).join(' ');
    if (other.device === this.device && layout(other) === layout(this)) return;
    throw new MathformerError(
      other.device === this.device
        ? 'copyFrom: the names or shapes of the parameters differ'
        : 'copyFrom: the parameters lie on two devices',
      {
        code: other.device === this.device ? 'OTHER_LAYOUT' : 'OTHER_DEVICE',
        where: 'copyFrom',
        fix: 'give parameters of one layout on one device; set(await other.data()) brings values from another device',
      },
    );
  }

  #refuse(name: string): never {
    throw new MathformerError(`there is no parameter '${name}'`, {
      code: 'NO_PARAMETER',
      where: name,
      fix: `name one of ${[...this.#tensors.keys()].join(', ')}`,
    });
  }
}

/** The parameters of one arena. */
interface Group {
  /** Number of values, padding included. */
  size: number;
  /** The members, with the index of their first value in the arena. */
  readonly members: { readonly name: string; readonly shape: Shape; readonly offset: number }[];
}

/** Distribute parameters over arenas, in order. A parameter that would exceed the binding begins a new arena. */
function groupsOf({ limits }: Device, shapes: ReadonlyMap<string, Shape>): Group[] {
  const bytes = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  const most = Math.floor(bytes / 4 / ALIGNMENT) * ALIGNMENT;
  let group: Group = { size: 0, members: [] };
  const groups = [group];
  for (const [name, shape] of shapes) {
    const size = Math.ceil(Math.max(1, sizeOf(shape)) / ALIGNMENT) * ALIGNMENT;
    if (size > most) {
      throw new GpuError(
        `parameter '${name}' ${showShape(shape)} has ${size * 4} bytes; a binding of this adapter ends at ${bytes}`,
        {
          code: 'OUT_OF_MEMORY',
          where: name,
          fix: 'use a narrower model or fewer experts, or another adapter',
        },
      );
    }
    if (group.size + size > most) {
      group = { size: 0, members: [] };
      groups.push(group);
    }
    group.members.push({ name, shape, offset: group.size });
    group.size += size;
  }
  return groups;
}
