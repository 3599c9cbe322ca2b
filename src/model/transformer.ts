/**
 * The decoder-only transformer: pre-LayerNorm blocks of ALiBi attention and a feed-forward layer, dense or a mixture
 * of experts. Sequences are packed end to end (`Packing`), so no token of padding is ever computed.
 */

import type { StateDict, StateTensor } from '../formats/index.ts';
import type { Device } from '../gpu/device.ts';
import { type Scalar, scalarValue } from '../gpu/kernel.ts';
import { MAX_HEAD } from '../kernels/attention/index.ts';
import {
  add,
  attention,
  type DropoutKey,
  dropout,
  embedding,
  layerNorm,
  linear,
  MAX_ACTIVE_EXPERTS,
  mixtureOfExperts,
  Parameters,
  type Routing,
  type RowTiles,
  Tensor,
} from '../tensor/index.ts';
import { alibiSlopes, type ModelConfig, ModelConfigError, parameterShapes } from './config.ts';
import { initialStateDict } from './initialise.ts';
import { parameterLayout } from './layout.ts';

/** Which masks the dropouts of a pass have. */
export interface DropoutOptions extends Pick<DropoutKey, 'seed' | 'step'> {
  /** Probability that an activation is dropped. */
  readonly p: number;
  /** Rows before the first one, where these are a part of a batch: it then has the masks that it has there. */
  readonly firstRow?: Scalar;
}

/** What a forward pass does besides computing. */
export interface ForwardOptions {
  /** Drops activations with probability p; leave it out in evaluation and reinforcement learning. */
  readonly dropout?: DropoutOptions;
  /** Attention of one layer, given its q, k and v (R,3d): the cache of the sampler hooks in here. */
  readonly attend?: (layer: number, qkv: Tensor) => Tensor;
  /** Told of every routing of a mixture of experts, with the router logits it was made from. */
  readonly onRouting?: (logits: Tensor, routing: Routing) => void;
}

/** The fewest heads that the attention kernels take for this width. */
function leastHeads({ dModel }: ModelConfig): number {
  let heads = Math.ceil(dModel / MAX_HEAD);
  while (dModel % (4 * heads) !== 0) heads += 1;
  return heads;
}

/** A model with its weights on the GPU. */
export class Transformer {
  readonly device: Device;
  readonly config: ModelConfig;
  readonly parameters: Parameters;
  /** ALiBi slopes (heads), constants. */
  readonly slopes: Tensor;

  /** Without weights, all are 0. */
  constructor(device: Device, config: ModelConfig, stateDict?: StateDict) {
    if (config.dModel % (4 * config.nHeads) !== 0 || config.dFF % 4 !== 0) {
      throw new ModelConfigError(
        'model',
        `heads of ${config.dModel / config.nHeads} and dFF ${config.dFF} are not both multiples of 4`,
        'the kernels work on groups of four values: choose dModel divisible by 4·nHeads and dFF by 4',
      );
    }
    if (config.dModel / config.nHeads > MAX_HEAD) {
      throw new ModelConfigError(
        'model',
        `heads of ${config.dModel / config.nHeads} values are above ${MAX_HEAD}`,
        `use more heads: nHeads ${leastHeads(config)} or more`,
      );
    }
    if (config.activeExperts > MAX_ACTIVE_EXPERTS) {
      throw new ModelConfigError(
        'model',
        `activeExperts ${config.activeExperts} is above ${MAX_ACTIVE_EXPERTS}`,
        `the routing kernel chooses up to ${MAX_ACTIVE_EXPERTS} experts: use fewer`,
      );
    }
    this.device = device;
    this.config = config;
    const layout = parameterLayout(config);
    this.parameters = new Parameters(device, new Map([...layout].map(([name, { shape }]) => [name, shape])));
    const slopes = alibiSlopes(config.nHeads) as Float32Array<ArrayBuffer>;
    this.slopes = new Tensor(device, device.allocatePersistent(slopes.byteLength), [config.nHeads]);
    this.slopes.set(slopes);
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
    for (const [name, { parts }] of parameterLayout(this.config)) {
      const parameter = this.parameters.get(name);
      const values = new Float32Array(parameter.size);
      let offset = 0;
      for (const part of parts) {
        const data = stateDict.get(part)?.data;
        if (!data)
          throw new ModelConfigError('model', `the weights lack '${part}'`, 'load a matching checkpoint');
        values.set(data, offset);
        offset += data.length;
      }
      parameter.set(values);
    }
  }

  /** The weights by their names in a checkpoint. */
  async stateDict(): Promise<StateDict> {
    const values = await this.parameters.data();
    const shapes = parameterShapes(this.config);
    const found = new Map<string, StateTensor>();
    for (const [name, { parts }] of parameterLayout(this.config)) {
      let start = this.parameters.offsetOf(name);
      for (const part of parts) {
        const shape = shapes.get(part) ?? [];
        const size = shape.reduce((product, n) => product * n, 1);
        found.set(part, { shape, data: values.slice(start, start + size) });
        start += size;
      }
    }
    return new Map(
      [...shapes.keys()].flatMap((name) => (found.has(name) ? [[name, found.get(name)]] : [])) as never,
    );
  }

  /** The residual stream after the last block (R,d), normalised if the config has a final norm. */
  hidden(tokens: Tensor, packing: RowTiles, options: ForwardOptions = {}): Tensor {
    const { dModel, nLayers, scaleEmbedding, finalNorm } = this.config;
    const attend = options.attend ?? ((_, qkv) => attention(qkv, packing, { slopes: this.slopes }));
    const dropping = options.dropout?.p ? options.dropout : undefined;
    const drop = dropping && ((stream: number) => (y: Tensor) => this.#drop(y, dropping, stream));
    const embedded = embedding(tokens, this.#get('tok_emb.weight'), scaleEmbedding ? Math.sqrt(dModel) : 1);
    let x = drop ? drop(0)(embedded) : embedded;
    for (let layer = 0; layer < nLayers; layer++) {
      const block = `blocks.${layer}`;
      const qkv = this.#linear(`${block}.qkv`, this.#norm(`${block}.norm1`, x));
      x = this.#addLinear(`${block}.out_proj`, attend(layer, qkv), x, drop?.(2 * layer + 1));
      const normed = this.#norm(`${block}.norm2`, x);
      if (this.config.numExperts > 0) {
        const mixed = this.#experts(`${block}.moe`, normed, options);
        x = add(x, drop ? drop(2 * layer + 2)(mixed) : mixed);
      } else {
        const inner = this.#linear(`${block}.linear1`, normed, { activation: 'gelu' });
        x = this.#addLinear(`${block}.linear2`, inner, x, drop?.(2 * layer + 2));
      }
    }
    return finalNorm ? this.#norm('norm_f', x) : x;
  }

  /** Logits (R,V) of hidden states (R,d). */
  logits(hidden: Tensor): Tensor {
    const weight = this.#get(this.config.tieEmbeddings ? 'tok_emb.weight' : 'out_proj.weight');
    return linear(hidden, weight, this.#bias('out_proj.bias'));
  }

  /** Logits (R,V) of packed tokens: u32 (R). */
  forward(tokens: Tensor, packing: RowTiles, options: ForwardOptions = {}): Tensor {
    return this.logits(this.hidden(tokens, packing, options));
  }

  /** Frees the weights. */
  dispose(): void {
    this.parameters.dispose();
    this.device.release(this.slopes.view);
  }

  #drop(y: Tensor, { p, seed, step, firstRow = 0 }: DropoutOptions, stream: number): Tensor {
    const start = () => scalarValue(firstRow) * this.config.dModel;
    return dropout(y, p, { seed, step, stream, start });
  }

  #get(name: string): Tensor {
    return this.parameters.get(name);
  }

  #bias(name: string): Tensor | undefined {
    return this.config.bias ? this.#get(name) : undefined;
  }

  #norm(name: string, x: Tensor): Tensor {
    return layerNorm(x, this.#get(`${name}.weight`), this.#bias(`${name}.bias`));
  }

  #linear(name: string, x: Tensor, options: { activation?: 'gelu'; residual?: Tensor } = {}): Tensor {
    return linear(x, this.#get(`${name}.weight`), this.#bias(`${name}.bias`), options);
  }

  /** residual + drop(linear(x)), in one kernel where nothing is dropped. */
  #addLinear(name: string, x: Tensor, residual: Tensor, drop: ((y: Tensor) => Tensor) | undefined): Tensor {
    return drop ? add(residual, drop(this.#linear(name, x))) : this.#linear(name, x, { residual });
  }

  #experts(name: string, x: Tensor, { onRouting }: ForwardOptions): Tensor {
    const logits = linear(x, this.#get(`${name}.router.weight`));
    const { y, routing } = mixtureOfExperts(x, logits, this.config.activeExperts, {
      weight1: this.#get(`${name}.linear1.weight`),
      bias1: this.#bias(`${name}.linear1.bias`),
      weight2: this.#get(`${name}.linear2.weight`),
      bias2: this.#bias(`${name}.linear2.bias`),
    });
    onRouting?.(logits, routing);
    return y;
  }
}
