/** The weights of a model as the kernels of a chunk read them: packed in one buffer, anew after they changed. */
import type { BufferView } from '../gpu/buffers.ts';
import { type ChunkForm, chunkForm, PackLayout, packWeights, takesChunks } from '../kernels/chunk/index.ts';
import type { Weight } from './layers/layer.ts';
import type { Transformer } from './transformer.ts';

export class ChunkWeights {
  readonly form: ChunkForm;
  readonly #model: Transformer;
  readonly #layout: PackLayout;
  #packed: { readonly view: BufferView; readonly table: BufferView; version: number } | undefined;

  private constructor(model: Transformer, form: ChunkForm, layout: PackLayout) {
    this.#model = model;
    this.form = form;
    this.#layout = layout;
  }

  /** Return the weights of a model; undefined if its adapter or its layers do not take chunks. */
  static of(model: Transformer): ChunkWeights | undefined {
    const { device, parameters, decoder } = model;
    if (!decoder.chunk || parameters.arenas.length > 1) return undefined;
    const layout = new PackLayout();
    const places = new Map<string, number>();
    const form = chunkForm(decoder.chunk, ({ name, shape }: Weight, use) => {
      const key = `${use} ${name}`;
      const known = places.get(key);
      if (known !== undefined) return known;
      const [rows = 1, columns = 1] = shape;
      const [N, K] = use === 'matrix' ? [rows, columns] : [rows * columns, 1];
      const place = layout.add({ source: parameters.offsetOf(name), N, K }) / 4;
      places.set(key, place);
      return place;
    });
    const isSmall = layout.size * 4 <= device.limits.maxStorageBufferBindingSize;
    return form && isSmall && takesChunks(device, form) ? new ChunkWeights(model, form, layout) : undefined;
  }

  /** Return the packed weights as they are now. */
  view(): BufferView {
    const { device, parameters } = this.#model;
    this.#packed ??= this.#allocate();
    const { view, table, version } = this.#packed;
    const [arena] = parameters.arenas;
    if (arena && version !== parameters.version) {
      packWeights(device, { weights: arena.values, table, packed: view }, this.#layout);
      this.#packed.version = parameters.version;
    }
    return view;
  }

  dispose(): void {
    if (!this.#packed) return;
    this.#model.device.release(this.#packed.view);
    this.#model.device.release(this.#packed.table);
    this.#packed = undefined;
  }

  #allocate() {
    const { device } = this.#model;
    const { size, table: words } = this.#layout;
    const view = device.allocatePersistent(size * 4, 'packed weights');
    const table = device.allocatePersistent(words.byteLength, 'packed weights');
    device.upload(table, words);
    return { view, table, version: -1 };
  }
}
