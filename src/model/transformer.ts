/**
 * A decoder-only transformer on the GPU. Sequences are packed end to end (`Packing`), so no token of padding is ever
 * computed.
 */
import type { Device } from '../gpu/device.ts';
import { Parameters, type RowTiles, Tensor } from '../tensor/index.ts';
import { architectureOf, type ModelConfig } from './config.ts';
import type { Decoder } from './layers/decoder.ts';
import type { ConstantTable, Weight } from './layers/layer.ts';
import { type ForwardOptions, positionsOf } from './layers/pass.ts';
import { ModelConfigError } from './modelConfigError.ts';
import { initialStateDict, joinParts, type StateDict, splitParts } from './stateDict.ts';

/** A model with its weights on the GPU. */
export class Transformer {
  readonly device: Device;
  readonly config: ModelConfig;
  /** The layers, which hold no weights. @internal */
  readonly decoder: Decoder;
  readonly parameters: Parameters;
  readonly #constants: ReadonlyMap<ConstantTable, Tensor>;
  readonly #values = {
    weight: ({ name }: Weight): Tensor => this.parameters.get(name),
    constant: (table: ConstantTable): Tensor => this.#constant(table),
  };

  /**
   * Without weights, all are 0.
   * @throws ModelConfigError for sizes that the kernels do not take, and for weights that lack a tensor.
   */
  constructor(device: Device, config: ModelConfig, stateDict?: StateDict) {
    this.device = device;
    this.config = config;
    this.decoder = architectureOf(config).decoder(config);
    const { weights, products, constants, problems } = this.decoder;
    for (const { problem, fix } of problems) throw new ModelConfigError('model', problem, fix);
    this.parameters = new Parameters(device, new Map(weights.map(({ name, shape }) => [name, shape])), {
      weights: products.map(({ name }) => name),
    });
    const tables = new Set(constants.map(({ table }) => table));
    this.#constants = new Map([...tables].map((table) => [table, uploaded(device, table)]));
    if (stateDict) this.load(stateDict);
  }

  /** A model with random weights. */
  static create(device: Device, config: ModelConfig, seed: number): Transformer {
    return new Transformer(device, config, initialStateDict(config, seed));
  }

  /** A second model with the same weights and a life of its own. */
  clone(): Transformer {
    const copy = new Transformer(this.device, this.config);
    copy.parameters.copyFrom(this.parameters);
    return copy;
  }

  /** Replaces every weight by those of a checkpoint of the same config. */
  load(stateDict: StateDict): void {
    for (const weight of this.decoder.weights) {
      this.parameters.get(weight.name).set(joinParts(weight, stateDict));
    }
  }

  /** The weights by their names in a checkpoint, in its order. */
  async stateDict(): Promise<StateDict> {
    const values = await this.parameters.data();
    const found = new Map(
      this.decoder.weights.flatMap((weight) =>
        splitParts(weight, values.subarray(this.parameters.offsetOf(weight.name))),
      ),
    );
    return new Map(
      this.decoder.parameters.flatMap(({ name }) => {
        const tensor = found.get(name);
        return tensor ? [[name, tensor]] : [];
      }),
    );
  }

  /** The residual stream after the last block (R,d), normalised if the architecture has a final norm. */
  hidden(tokens: Tensor, packing: RowTiles, options: ForwardOptions = {}): Tensor {
    let positions: Tensor | undefined;
    return this.decoder.hidden(tokens, {
      ...options,
      ...this.#values,
      packing,
      positions: () => {
        positions ??= positionsOf(this.device, packing, options.cache);
        return positions;
      },
    });
  }

  /** Logits (R,V) of hidden states (R,d). */
  logits(hidden: Tensor, options: Pick<ForwardOptions, 'cache'> = {}): Tensor {
    return this.decoder.logits(hidden, { ...options, ...this.#values });
  }

  /** Logits (R,V) of packed tokens: u32 (R). */
  forward(tokens: Tensor, packing: RowTiles, options: ForwardOptions = {}): Tensor {
    return this.logits(this.hidden(tokens, packing, options), options);
  }

  /** Frees the weights. */
  dispose(): void {
    this.parameters.dispose();
    for (const { view } of this.#constants.values()) this.device.release(view);
  }

  #constant(table: ConstantTable): Tensor {
    const tensor = this.#constants.get(table);
    if (tensor) return tensor;
    throw new ModelConfigError('model', 'a layer uses a constant that none declares', 'declare it');
  }
}

function uploaded(device: Device, table: ConstantTable): Tensor {
  const dtype = table instanceof Uint32Array ? 'u32' : 'f32';
  const tensor = new Tensor(device, device.allocatePersistent(table.byteLength), [table.length], dtype);
  tensor.set(table);
  return tensor;
}
