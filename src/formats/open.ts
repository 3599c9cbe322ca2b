/**
 * Recognise a checkpoint's format by its content, and open it: named weights, not yet decoded, and the config in the file, if
 * any.
 */

import { checkedProduct, type MemoryBudget } from './budget.ts';
import { type DType, decodeFloat32, isFloatDType } from './dtype.ts';
import { CheckpointError, quoted } from './error.ts';
import { looksLikeSafetensors, openSafetensors, type StoredTensor } from './safetensors.ts';
import { openTorchLegacy, openTorchZip, type TorchFile } from './torch/index.ts';
import { describeValue, type PickleDict, type PickleValue } from './torch/pickleValues.ts';
import { Namespace } from './torch/pythonObjects.ts';
import { TensorRef } from './torch/torchObjects.ts';
import { looksLikeZip } from './torch/zip.ts';
import { areOurs, withPlainNames } from './weightNames.ts';

/** The formats that can be read. */
export type CheckpointFormat = 'safetensors' | 'torch-zip' | 'torch-legacy';

/** A weight of an opened file. `read` decodes it to row-major float32. @throws CheckpointError */
export interface Weight {
  readonly shape: readonly number[];
  readonly dtype: DType;
  read(): Float32Array;
}

/** The config in a file: this project's JSON, the original's fields, or none. */
export type WrittenConfig =
  | { readonly kind: 'own'; readonly json: string }
  | { readonly kind: 'original'; readonly fields: ReadonlyMap<string, unknown> }
  | { readonly kind: 'none' };

export interface OpenedCheckpoint {
  readonly format: CheckpointFormat;
  readonly weights: ReadonlyMap<string, Weight>;
  readonly config: WrittenConfig;
  /** Other metadata of the file, without the config. */
  readonly metadata: Map<string, string>;
}

/** The metadata key of this project's config. */
export const CONFIG_KEY = 'config';

/** The config fields of the original that `Checkpoint.config` replaces. */
const ORIGINAL_FIELDS: ReadonlySet<string> = new Set(
  'ntoken ninp nhead nhid nlayers dropout num_experts active_experts'.split(' '),
);

/** The fields that only a config of the original has. */
const SIZE_FIELDS = [...ORIGINAL_FIELDS].filter((field) => field !== 'dropout');

/** Maximum memory of a named weight, with its name in a message. A name may be one byte of a pickle. */
const WEIGHT_COST = 512;

export function openCheckpoint(bytes: Uint8Array, budget: MemoryBudget): OpenedCheckpoint {
  // Test it first: the length of its header may have bytes that look like another format.
  if (looksLikeSafetensors(bytes)) return openAsSafetensors(bytes, budget);
  if (looksLikeZip(bytes)) return fromTorch('torch-zip', openTorchZip(bytes, budget), budget);
  if (bytes[0] === 0x80 && (bytes[1] ?? 0) <= 5)
    return fromTorch('torch-legacy', openTorchLegacy(bytes, budget), budget);
  throw unrecognised(bytes);
}

function unrecognised(bytes: Uint8Array): CheckpointError {
  const start = String.fromCharCode(...bytes.subarray(0, 64));
  if (bytes.length === 0) return notACheckpoint('file', 'it is empty', 'copy or download the file again');
  if (start.startsWith('version https://git-lfs')) {
    return notACheckpoint('file', 'it is a Git LFS pointer, not the file itself', 'run git lfs pull');
  }
  const problem = 'it is neither safetensors nor a file of torch.save';
  return notACheckpoint('file', problem, 'give a .safetensors or .pt checkpoint');
}

function openAsSafetensors(bytes: Uint8Array, budget: MemoryBudget): OpenedCheckpoint {
  const { tensors, metadata } = openSafetensors(bytes, budget);
  const weights = new Map<string, Weight>();
  for (const [name, tensor] of tensors) weights.set(name, storedWeight(name, tensor, budget));
  const plain = withPlainNames(weights);
  const json = metadata.get(CONFIG_KEY);
  if (json !== undefined) {
    metadata.delete(CONFIG_KEY);
    return { format: 'safetensors', weights: plain, config: { kind: 'own', json }, metadata };
  }
  const fields = new Map([...metadata].filter(([key]) => ORIGINAL_FIELDS.has(key)));
  for (const key of fields.keys()) metadata.delete(key);
  const config: WrittenConfig = fields.size > 0 ? { kind: 'original', fields } : { kind: 'none' };
  return { format: 'safetensors', weights: plain, config, metadata };
}

function storedWeight(name: string, { dtype, shape, bytes }: StoredTensor, budget: MemoryBudget): Weight {
  const read = () => {
    if (!isFloatDType(dtype)) {
      throw new CheckpointError('WRONG_DTYPE', quoted(name), `its dtype is ${dtype}`, 'save it as F32');
    }
    budget.charge(4 * (checkedProduct(shape) ?? Number.POSITIVE_INFINITY), quoted(name));
    return decodeFloat32(dtype, bytes);
  };
  return { dtype, shape, read };
}

function fromTorch(format: CheckpointFormat, file: TorchFile, budget: MemoryBudget): OpenedCheckpoint {
  const { state, config } = findWeights(file.root);
  const found = new Map<string, Weight>();
  for (const [name, tensor] of state) {
    if (!(tensor instanceof TensorRef)) continue; // other values may be beside weights
    if (typeof name !== 'string') {
      const problem = `entry ${describeValue(name)} is a tensor without a name`;
      throw notACheckpoint('state_dict', problem, SAVE_STATE_DICT);
    }
    budget.charge(WEIGHT_COST, 'state_dict');
    const { shape, storage } = tensor;
    found.set(name, { shape, dtype: storage.dtype, read: () => file.read(tensor, quoted(name)) });
  }
  const weights = withPlainNames(found);
  if (!config) return { format, weights, config: { kind: 'none' }, metadata: new Map() };
  const fields = new Map<string, unknown>();
  for (const field of ORIGINAL_FIELDS) if (config.has(field)) fields.set(field, config.get(field));
  const type = config.get('model_type');
  const metadata = new Map(typeof type === 'string' ? [['model_type', type]] : []);
  return { format, weights, config: { kind: 'original', fields }, metadata };
}

const SAVE_STATE_DICT = 'save it with torch.save(model.state_dict(), …)';

/** Keys under which weights are saved, the most likely first. */
const WEIGHT_KEYS = (
  'state_dict model_state_dict model model_state module net network policy actor ' +
  'weights params state checkpoint ema'
).split(' ');
/** Keys under which the original's config may be saved. */
const CONFIG_KEYS = ['config', 'model_config', 'model_args', 'hyper_parameters', 'hparams', 'args'];
/** Maximum nesting of dicts. */
const MAX_DEPTH = 4;

interface FoundWeights {
  readonly state: PickleDict;
  readonly config: PickleDict | undefined;
}

/** Find a dict of weights, directly or nested in dicts, and its config, if any. */
function findWeights(root: PickleValue): FoundWeights {
  if (!(root instanceof Map)) {
    const problem = `it holds ${describeValue(root)} instead of a dict of weights`;
    throw notACheckpoint('file', problem, SAVE_STATE_DICT);
  }
  const found = weightsIn(root, MAX_DEPTH) ?? oursIn(root, MAX_DEPTH);
  if (found) return found;
  const [[name, value] = ['file', null]] = root;
  const problem = `entry ${describeValue(name)} is ${describeValue(value)}, not a tensor with a name`;
  throw notACheckpoint('state_dict', problem, SAVE_STATE_DICT);
}

function weightsIn(dict: PickleDict, depth: number): FoundWeights | undefined {
  for (const key of WEIGHT_KEYS) {
    const inner = dict.get(key);
    const found = depth > 0 && inner instanceof Map ? weightsIn(inner, depth - 1) : undefined;
    if (found) return { ...found, config: found.config ?? configIn(dict) };
  }
  const hasTensor = [...dict.values()].some((value) => value instanceof TensorRef);
  return hasTensor ? { state: dict, config: undefined } : undefined;
}

/** Return the first dict with weights of a model of this project, under any key. */
function oursIn(dict: PickleDict, depth: number): FoundWeights | undefined {
  if (areOurs([...dict.keys()])) return { state: dict, config: undefined };
  if (depth === 0) return undefined;
  for (const inner of dict.values()) {
    const found = inner instanceof Map ? oursIn(inner, depth - 1) : undefined;
    if (found) return { ...found, config: found.config ?? configIn(dict) };
  }
  return undefined;
}

/** Return the first config of the original in a dict. Other projects use these keys for other values. */
function configIn(dict: PickleDict): PickleDict | undefined {
  const own = dict.get('config');
  if (Array.isArray(own)) {
    const problem = `it is ${describeValue(own)} instead of a dict`;
    throw new CheckpointError('BAD_CONFIG', 'config', problem, 'save the checkpoint with its config dict');
  }
  const candidates = CONFIG_KEYS.map((key) => dict.get(key)).map((value) =>
    value instanceof Namespace ? value.fields : value,
  );
  return candidates.find(
    (value): value is PickleDict => value instanceof Map && SIZE_FIELDS.some((field) => value.has(field)),
  );
}

function notACheckpoint(where: string, problem: string, fix: string): CheckpointError {
  return new CheckpointError('NOT_A_CHECKPOINT', where, problem, fix);
}
