/**
 * How the tensors of a checkpoint lie in the model's parameters. Checkpoints name each projection and expert; the
 * model joins those that are used together (q, k and v; the same layer of all experts), which is plain concatenation.
 */
import type { Shape } from '../tensor/tensor.ts';
import { type ModelConfig, parameterShapes } from './config.ts';

export interface ParameterLayout {
  readonly shape: Shape;
  /** Names in the checkpoint whose values follow each other in this parameter. */
  readonly parts: readonly string[];
}

const QKV = ['q_proj', 'k_proj', 'v_proj'];

/** Parameters of the model by name; `name` and shape of unjoined ones are those of the checkpoint. */
export function parameterLayout(config: ModelConfig): Map<string, ParameterLayout> {
  const layout = new Map<string, ParameterLayout>();
  for (const [name, shape] of parameterShapes(config)) {
    const [, block, projection, kind] = /^(blocks\.\d+)\.([qkv]_proj)\.(weight|bias)$/.exec(name) ?? [];
    const [, moe, expert, layer, part] =
      /^(blocks\.\d+\.moe)\.experts\.(\d+)\.([03])\.(weight|bias)$/.exec(name) ?? [];
    if (projection !== undefined) {
      if (projection !== 'q_proj') continue;
      const parts = QKV.map((each) => `${block}.${each}.${kind}`);
      layout.set(`${block}.qkv.${kind}`, { shape: [3 * (shape[0] as number), ...shape.slice(1)], parts });
    } else if (moe !== undefined) {
      if (expert !== '0') continue;
      const parts = Array.from(
        { length: config.numExperts },
        (_, e) => `${moe}.experts.${e}.${layer}.${part}`,
      );
      const linear = layer === '0' ? 'linear1' : 'linear2';
      layout.set(`${moe}.${linear}.${part}`, { shape: [config.numExperts, ...shape], parts });
    } else {
      layout.set(name, { shape, parts: [name] });
    }
  }
  return layout;
}
