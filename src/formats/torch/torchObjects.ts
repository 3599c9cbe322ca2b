/**
 * The names that a torch.save pickle may contain: functions that rebuild tensors and parameters, storage types, and the
 * harmless objects of pythonObjects.ts. Every other name is refused. No named function is ever run.
 */

import { checkedProduct, type MemoryBudget } from '../budget.ts';
import {
  type DType,
  decodeFloat32,
  ELEMENT_READER,
  type FloatDType,
  ITEM_SIZE,
  isFloatDType,
} from '../dtype.ts';
import { CheckpointError, corrupt, quoted } from '../error.ts';
import { describeValue, PickleGlobal, PickleObject, PickleTuple, type PickleValue } from './pickleValues.ts';
import { CONSTRUCTORS, type Construct, INERT_NAMES, InertObject, setState } from './pythonObjects.ts';
import type { PickleHooks } from './unpickler.ts';

/** A block of elements kept outside the pickle; tensors are views of it. */
export class StorageRef extends PickleObject {
  readonly kind = 'storage';

  /** @param length number of elements, not bytes. */
  constructor(
    readonly dtype: DType,
    readonly key: string,
    readonly length: number,
  ) {
    super();
  }
}

/** A view inside a storage; offset and strides are in elements. */
export class TensorRef extends PickleObject {
  readonly kind = 'tensor';

  constructor(
    readonly storage: StorageRef,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

const STORAGE_DTYPE: ReadonlyMap<string, DType> = new Map([
  ['DoubleStorage', 'F64'],
  ['FloatStorage', 'F32'],
  ['HalfStorage', 'F16'],
  ['BFloat16Storage', 'BF16'],
  ['LongStorage', 'I64'],
  ['IntStorage', 'I32'],
  ['ShortStorage', 'I16'],
  ['CharStorage', 'I8'],
  ['ByteStorage', 'U8'],
  ['BoolStorage', 'BOOL'],
]);

/** Storages of types without weights: complex and quantised numbers, and bytes that a tensor's dtype explains. */
const UNREAD_STORAGES: ReadonlySet<string> = new Set([
  ...['ComplexFloat', 'ComplexDouble', 'QInt8', 'QUInt8', 'QInt32', 'QUInt4x2', 'QUInt2x4', 'Untyped'].map(
    (name) => `torch.${name}Storage`,
  ),
  'torch.storage.UntypedStorage',
]);

/** Functions that rebuild tensors of such numbers, or tensors that are not views of a storage. */
const UNREAD_TENSORS = [
  '_rebuild_tensor_v3',
  '_rebuild_sparse_tensor',
  '_rebuild_qtensor',
  '_rebuild_meta_tensor_no_storage',
];
const UNREAD_TENSOR = 'tensor of a kind that is not read';

const REBUILDS: ReadonlyMap<string, Construct> = new Map<string, Construct>([
  ['torch._utils._rebuild_tensor', rebuildTensor], // PyTorch 0.3, without the arguments after the strides
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ...UNREAD_TENSORS.map((name): [string, Construct] => [
    `torch._utils.${name}`,
    () => new InertObject(UNREAD_TENSOR),
  ]),
  ['torch._utils._rebuild_parameter', (args) => rebuildParameter(args, 3)],
  ['torch._utils._rebuild_parameter_with_state', (args) => rebuildParameter(args, 4)],
]);

const CALLABLE: ReadonlyMap<string, Construct> = new Map<string, Construct>([
  ...CONSTRUCTORS,
  ...REBUILDS,
  ['torch._tensor._rebuild_from_type_v2', rebuildFromType],
]);

const PLACE = 'pickle';
const MAX_RANK = 16;

/** Return the hooks for one pickle. `storages` collects every storage that it refers to, by key. */
export function torchHooks(storages: Map<string, StorageRef>, budget: MemoryBudget): PickleHooks {
  return {
    findGlobal(module, name) {
      const path = `${module}.${name}`;
      const isStorage = (module === 'torch' && STORAGE_DTYPE.has(name)) || UNREAD_STORAGES.has(path);
      if (CALLABLE.has(path) || INERT_NAMES.has(path) || isStorage) return new PickleGlobal(module, name);
      throw new CheckpointError(
        'FORBIDDEN_GLOBAL',
        PLACE,
        `it refers to ${quoted(path)}, which a file of weights has no need of and which is not loaded`,
        'do not trust this file, or save it again with torch.save(model.state_dict(), …)',
      );
    },
    call(callable, args) {
      const path = pathOf(callable);
      const construct = CALLABLE.get(path);
      if (construct) return construct(args, budget);
      throw corrupt(PLACE, `it calls the ${INERT_NAMES.has(path) ? 'type' : 'storage type'} ${quoted(path)}`);
    },
    setState,
    persistentLoad: (id) => loadStorage(id, storages),
  };
}

/** Load a storage. Its id is ('storage', type, key, device, length); the old format has a sixth item, a view, now always None. */
function loadStorage(id: PickleValue, storages: Map<string, StorageRef>): StorageRef | InertObject {
  const items = id instanceof PickleTuple ? id.items : [];
  const [tag, type, key, device, length, view = null] = items;
  const dtype =
    type instanceof PickleGlobal && type.module === 'torch' ? STORAGE_DTYPE.get(type.name) : undefined;
  if (tag === 'storage' && type instanceof PickleGlobal && UNREAD_STORAGES.has(pathOf(type))) {
    return new InertObject('storage of a kind that is not read');
  }
  if (
    tag !== 'storage' ||
    !dtype ||
    typeof key !== 'string' ||
    typeof device !== 'string' ||
    items.length > 6
  ) {
    throw corrupt(PLACE, 'a storage is described in a way torch.save does not');
  }
  if (!isCount(length)) throw corrupt(PLACE, `storage ${quoted(key)} has ${describeValue(length)} elements`);
  if (view !== null) {
    const problem = `storage ${quoted(key)} is a view of another storage`;
    throw new CheckpointError('UNSUPPORTED', PLACE, problem, 'save it again with a PyTorch of this decade');
  }
  const known = storages.get(key);
  if (!known) {
    const storage = new StorageRef(dtype, key, length);
    storages.set(key, storage);
    return storage;
  }
  if (known.dtype === dtype && known.length === length) return known;
  throw corrupt(PLACE, `storage ${quoted(key)} is described twice, differently`);
}

/** _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]). */
function rebuildTensor(args: readonly PickleValue[]): PickleValue {
  const [storage, offset, size, stride] = args;
  if (storage instanceof InertObject) return new InertObject(UNREAD_TENSOR);
  const shape = countTuple(size);
  const strides = countTuple(stride);
  if (!(storage instanceof StorageRef) || !isCount(offset) || !shape || !strides || args.length > 7) {
    throw corrupt(PLACE, 'a tensor is described in a way torch.save does not');
  }
  if (shape.length !== strides.length || shape.length > MAX_RANK) {
    throw corrupt(PLACE, `a tensor has ${shape.length} dimensions and ${strides.length} strides`);
  }
  const empty = shape.includes(0);
  const last = shape.reduce((sum, side, axis) => sum + (side - 1) * (strides[axis] ?? 0), offset);
  // An inexact sum is far beyond any storage's end, so the comparison is still right.
  if (checkedProduct(shape) === undefined || (!empty && last >= storage.length)) {
    throw corrupt(
      PLACE,
      `a tensor of shape [${shape.join(', ')}] reaches past its storage of ${storage.length} elements`,
    );
  }
  return new TensorRef(storage, offset, shape, strides);
}

/** _rebuild_parameter(data, requires_grad, hooks[, state]): the tensor itself. */
function rebuildParameter(args: readonly PickleValue[], most: number): PickleValue {
  const [data] = args;
  if (data instanceof InertObject) return data;
  if (!(data instanceof TensorRef) || args.length > most)
    throw corrupt(PLACE, 'a parameter holds something other than a tensor');
  return data;
}

/** _rebuild_from_type_v2(rebuild, type, args, state): a tensor that has attributes, without them. */
function rebuildFromType(args: readonly PickleValue[], budget: MemoryBudget): PickleValue {
  const [rebuild, type, given] = args;
  const construct = rebuild instanceof PickleGlobal ? REBUILDS.get(pathOf(rebuild)) : undefined;
  if (construct && type instanceof PickleGlobal && given instanceof PickleTuple) {
    return construct(given.items, budget);
  }
  throw corrupt(PLACE, 'a tensor is described in a way torch.save does not');
}

const pathOf = ({ module, name }: PickleGlobal): string => `${module}.${name}`;

/** Copy a tensor from its storage's bytes to row-major float32. */
export function readTensor(
  tensor: TensorRef,
  bytes: Uint8Array,
  budget: MemoryBudget,
  name: string,
): Float32Array {
  const { storage, offset, shape } = tensor;
  const { dtype } = storage;
  if (!isFloatDType(dtype)) {
    const fix = 'save it as float32 (tensor.float())';
    throw new CheckpointError('WRONG_DTYPE', name, `its dtype is ${dtype}`, fix);
  }
  const length = checkedProduct(shape) ?? Number.POSITIVE_INFINITY;
  budget.charge(4 * length, name);
  if (!isContiguous(tensor)) return gather(tensor, dtype, length, bytes);
  const itemSize = ITEM_SIZE[dtype];
  return decodeFloat32(dtype, bytes.subarray(offset * itemSize, (offset + length) * itemSize));
}

/** Visit all indices in row-major order, and update the storage position incrementally. */
function gather({ offset, shape, strides }: TensorRef, dtype: FloatDType, length: number, bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = ELEMENT_READER[dtype];
  const itemSize = ITEM_SIZE[dtype];
  const out = new Float32Array(length);
  const index = new Array<number>(shape.length).fill(0);
  let position = offset;
  for (let i = 0; i < length; i++) {
    out[i] = read(view, position * itemSize);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      const stride = strides[axis] ?? 0;
      if (next < (shape[axis] ?? 0)) {
        index[axis] = next;
        position += stride;
        break;
      }
      index[axis] = 0;
      position -= (next - 1) * stride;
    }
  }
  return out;
}

/** Return true if the tensor is contiguous. Axes of size 1 may have any stride. */
function isContiguous({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const side = shape[axis] ?? 1;
    if (side !== 1 && strides[axis] !== expected) return false;
    expected *= side;
  }
  return true;
}

function countTuple(value: PickleValue | undefined): readonly number[] | undefined {
  return value instanceof PickleTuple && value.items.every(isCount) ? value.items : undefined;
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
