/**
 * The two containers of torch.save: the present zip (`data.pkl`, `data/<key>`, `byteorder`), and the older sequence of pickles
 * followed by raw storages. Both contain a pickled value and the storages that it refers to.
 */

import type { MemoryBudget } from '../budget.ts';
import { ITEM_SIZE } from '../dtype.ts';
import { CheckpointError, corrupt, DOWNLOAD_AGAIN, quoted } from '../error.ts';
import type { PickleValue } from './pickleValues.ts';
import { readTensor, type StorageRef, type TensorRef, torchHooks } from './torchObjects.ts';
import { unpickle } from './unpickler.ts';
import { openZip, type ZipArchive } from './zip.ts';

/** An opened file: the saved object, and a reader for the tensors found in it. */
export interface TorchFile {
  readonly root: PickleValue;
  /** Row-major float32 copy; `name` is for messages. Throws `CheckpointError`. */
  read(tensor: TensorRef, name: string): Float32Array;
}

/** torch.serialization.MAGIC_NUMBER and PROTOCOL_VERSION of the older format. */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
const LEGACY_VERSION = 1001;

/** Open the zip format. @throws CheckpointError */
export function openTorchZip(bytes: Uint8Array, budget: MemoryBudget): TorchFile {
  const zip = openZip(bytes, budget);
  const folder = rootFolder(zip);
  checkByteOrder(zip.read(`${folder}byteorder`));
  const storages = new Map<string, StorageRef>();
  const pickle = zip.read(`${folder}data.pkl`) ?? new Uint8Array();
  const { value: root } = unpickle(pickle, 0, torchHooks(storages, budget), budget);
  return {
    root,
    read(tensor, name) {
      const { storage } = tensor;
      const stored = zip.read(`${folder}data/${storage.key}`);
      const expected = storage.length * ITEM_SIZE[storage.dtype];
      if (stored?.length !== expected) {
        const found = stored ? `${stored.length} bytes` : 'missing';
        const problem = `its storage data/${storage.key} is ${found} instead of ${expected} bytes`;
        throw corrupt(name, problem);
      }
      return readTensor(tensor, stored, budget, name);
    },
  };
}

/** Return the folder in which torch.save puts everything, named after the file. */
function rootFolder(zip: ZipArchive): string {
  const pickles = zip.names.filter((name) => name === 'data.pkl' || name.endsWith('/data.pkl'));
  const [pickle] = pickles;
  if (pickle === undefined) {
    throw notOfTorch('zip archive', `it holds no data.pkl but ${zip.names.length} other entries`);
  }
  if (pickles.length > 1) {
    throw notOfTorch('zip archive', `it holds ${pickles.length} files named data.pkl`);
  }
  const folder = pickle.slice(0, -'data.pkl'.length);
  if (zip.names.includes(`${folder}constants.pkl`)) {
    const problem = 'it is a TorchScript program, not a checkpoint';
    const fix = 'save its weights with torch.save(model.state_dict(), …)';
    throw new CheckpointError('UNSUPPORTED', 'zip archive', problem, fix);
  }
  return folder;
}

function checkByteOrder(entry: Uint8Array | undefined): void {
  if (!entry) return; // written since PyTorch 2.1; earlier files have the byte order of their machine, mostly little-endian
  if (entry.length === 'little'.length && String.fromCharCode(...entry) === 'little') return;
  if (entry.length === 'big'.length && String.fromCharCode(...entry) === 'big') throw bigEndian();
  throw corrupt('byteorder', 'it says neither little nor big');
}

function notOfTorch(where: string, problem: string): CheckpointError {
  return new CheckpointError('NOT_A_CHECKPOINT', where, problem, 'give the .pt file that torch.save wrote');
}

function bigEndian(): CheckpointError {
  const fix = 'save it again on a little-endian machine, or as safetensors';
  return new CheckpointError('BIG_ENDIAN', 'byte order', 'the file was written by a big-endian machine', fix);
}

/** Open the older format: magic, version, system, object, storage keys, then each storage's length and bytes. */
export function openTorchLegacy(bytes: Uint8Array, budget: MemoryBudget): TorchFile {
  const storages = new Map<string, StorageRef>();
  const hooks = torchHooks(storages, budget);
  const magic = unpickle(bytes, 0, hooks, budget);
  if (magic.value !== LEGACY_MAGIC) {
    throw notOfTorch('pickle', 'it is a Python pickle but not one of torch.save');
  }
  const version = unpickle(bytes, magic.end, hooks, budget);
  if (version.value !== LEGACY_VERSION) {
    const fix = 'save it again with a current PyTorch';
    throw new CheckpointError('UNSUPPORTED', 'pickle', 'its torch.save version is not 1001', fix);
  }
  const system = unpickle(bytes, version.end, hooks, budget);
  if (!(system.value instanceof Map)) {
    throw corrupt('pickle', 'it does not describe the machine it is from');
  }
  if (system.value.get('little_endian') !== true) throw bigEndian();
  const root = unpickle(bytes, system.end, hooks, budget);
  const keys = unpickle(bytes, root.end, hooks, budget);
  const contents = sliceStorages(bytes, keys.end, keys.value, storages);
  return {
    root: root.value,
    read: (tensor, name) => readTensor(tensor, contentOf(contents, tensor, name), budget, name),
  };
}

function sliceStorages(
  bytes: Uint8Array,
  start: number,
  keys: PickleValue,
  storages: ReadonlyMap<string, StorageRef>,
): ReadonlyMap<string, Uint8Array> {
  if (!Array.isArray(keys)) throw corrupt('storages', 'the list of storages is missing');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const contents = new Map<string, Uint8Array>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined;
    if (!storage || contents.has(storage.key)) {
      throw corrupt('storages', 'the list of storages does not fit the tensors');
    }
    const end = at + 8 + storage.length * ITEM_SIZE[storage.dtype];
    if (end > bytes.length) {
      const problem = `the file ends at byte ${bytes.length}, before storage ${quoted(storage.key)} does at ${end}`;
      throw new CheckpointError('TRUNCATED', 'storages', problem, DOWNLOAD_AGAIN);
    }
    if (Number(view.getBigInt64(at, true)) !== storage.length) {
      const problem = `storage ${quoted(storage.key)} does not have the ${storage.length} elements announced`;
      throw corrupt('storages', problem);
    }
    contents.set(storage.key, bytes.subarray(at + 8, end));
    at = end;
  }
  return contents;
}

function contentOf(
  contents: ReadonlyMap<string, Uint8Array>,
  { storage }: TensorRef,
  name: string,
): Uint8Array {
  const content = contents.get(storage.key);
  if (content) return content;
  throw corrupt(name, `its storage ${quoted(storage.key)} is missing`);
}
