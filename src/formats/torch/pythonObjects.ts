/**
 * Python objects that people save beside weights: settings, paths, devices, numpy numbers, states of random generators. They
 * are read as inert values; those that are not needed become an `InertObject`. Their code does not exist in this process, so
 * it cannot run.
 */

import type { MemoryBudget } from '../budget.ts';
import { halfToNumber } from '../dtype.ts';
import { corrupt } from '../error.ts';
import {
  type PickleDict,
  type PickleKey,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from './pickleValues.ts';

/** An object whose content is not used. */
export class InertObject extends PickleObject {
  constructor(readonly kind: string) {
    super();
  }
}

/** Named values, such as `argparse.Namespace`. */
export class Namespace extends PickleObject {
  readonly kind = 'namespace';
  fields: PickleDict = new Map();
}

/** `numpy.dtype`: the kind of number and its bytes, such as `f8`, and their order. */
class NumpyDType extends PickleObject {
  readonly kind = 'numpy.dtype';
  littleEndian = true;

  constructor(readonly code: string) {
    super();
  }
}

/** Return the result of calling a name. */
export type Construct = (args: readonly PickleValue[], budget: MemoryBudget) => PickleValue;

/** Memory of an entry that is copied to a dict, in bytes. */
const ENTRY_COST = 96;
/** Maximum size of a number, in bytes. */
const MAX_NUMBER_BYTES = 16;

const inert =
  (kind: string): Construct =>
  () =>
    new InertObject(kind);
const named = (modules: readonly string[], names: readonly string[], construct?: Construct) =>
  modules.flatMap((module) =>
    names.map((name): [string, Construct] => [`${module}.${name}`, construct ?? inert(`${module}.${name}`)]),
  );

/** Module of built-in names, in Python 3, and in Python 2 and protocol 2. */
const BUILTINS = ['builtins', '__builtin__'];
/** Modules of numpy's core, before numpy 2 and since. */
const MULTIARRAY = ['numpy.core.multiarray', 'numpy._core.multiarray'];
const NUMERIC = ['numpy.core.numeric', 'numpy._core.numeric'];
/** Module of paths, before Python 3.13 and since. */
const PATHS = ['pathlib', 'pathlib._local'];

/** Names that may be called, with their results. */
export const CONSTRUCTORS: ReadonlyMap<string, Construct> = new Map([
  ...named(['collections'], ['OrderedDict'], orderedDict),
  ...named(['collections'], ['defaultdict'], () => new Map()),
  ...named(['collections'], ['deque'], () => []),
  ...named(['collections'], ['Counter']),
  ...named(BUILTINS, 'set frozenset bytes bytearray complex slice range xrange object'.split(' ')),
  ...named(['_codecs'], ['encode'], encoded),
  ...named(['argparse'], ['Namespace'], () => new Namespace()),
  ...named(['types'], ['SimpleNamespace'], () => new Namespace()),
  ...named(PATHS, ['Path', 'PosixPath', 'WindowsPath', 'PurePath', 'PurePosixPath', 'PureWindowsPath']),
  ...named(['datetime'], ['datetime', 'date', 'time', 'timedelta', 'timezone']),
  ...named(['uuid'], ['UUID']),
  ...named(['decimal'], ['Decimal']),
  ...named(['fractions'], ['Fraction']),
  ...named(['torch'], ['device']),
  ...named(['torch.torch_version'], ['TorchVersion'], ([text]) => (typeof text === 'string' ? text : '')),
  ...named(['torch'], ['Size'], ([sizes]) => (sizes instanceof PickleTuple ? sizes : new PickleTuple([]))),
  ...named(['torch.serialization'], ['_get_layout']),
  ...named(['numpy'], ['dtype'], ([code]) => new NumpyDType(typeof code === 'string' ? code : '')),
  ...named(MULTIARRAY, ['scalar'], numpyScalar),
  ...named(MULTIARRAY, ['_reconstruct']),
  ...named(NUMERIC, ['_frombuffer']),
]);

const TORCH_NAMES =
  'float32 float float64 double float16 half bfloat16 uint8 uint16 uint32 uint64 int8 int16 short int32 int int64 long ' +
  'bool complex32 complex64 complex128 cfloat cdouble chalf quint8 qint8 qint32 quint4x2 quint2x4 ' +
  'float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2 ' +
  'int1 int2 int3 int4 int5 int6 int7 uint1 uint2 uint3 uint4 uint5 uint6 uint7 bits1x8 bits2x4 bits4x2 bits8 bits16 ' +
  'per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams ' +
  'strided sparse_coo sparse_csr sparse_csc sparse_bsr sparse_bsc jagged _mkldnn ' +
  'contiguous_format preserve_format channels_last channels_last_3d Tensor';
const NUMPY_NAMES =
  'ndarray bool_ bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 byte ubyte short ushort intc uintc int_ uint ' +
  'intp uintp long ulong longlong ulonglong float16 float32 float64 float128 half single double longdouble float_ ' +
  'complex64 complex128 complex256 csingle cdouble clongdouble str_ bytes_ unicode_ string_ object_ void ' +
  'datetime64 timedelta64 generic number integer signedinteger unsignedinteger inexact floating complexfloating';
/** Classes of numpy's data types, since numpy 1.25. */
const NUMPY_DTYPES =
  'Bool Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Byte UByte Short UShort Int UInt Long ULong LongLong ULongLong ' +
  'Float16 Float32 Float64 LongDouble Complex64 Complex128 CLongDouble Str Bytes String Object Void DateTime64 TimeDelta64';
const BUILTIN_NAMES = 'int long float bool str unicode list tuple dict type Ellipsis NotImplemented';

/** Names that may be referred to: data types, and classes as values. */
export const INERT_NAMES: ReadonlySet<string> = new Set([
  ...TORCH_NAMES.split(' ').map((name) => `torch.${name}`),
  ...NUMPY_NAMES.split(' ').map((name) => `numpy.${name}`),
  ...NUMPY_DTYPES.split(' ').map((name) => `numpy.dtypes.${name}DType`),
  ...BUILTINS.flatMap((module) => BUILTIN_NAMES.split(' ').map((name) => `${module}.${name}`)),
  'torch.nn.parameter.Parameter',
  'torch.nn.parameter.Buffer',
]);

/** Set the state of an object like Python's BUILD. Return false for an object without state. */
export function setState(target: PickleValue, state: PickleValue): boolean {
  if (target instanceof Namespace) {
    if (state instanceof Map) target.fields = state;
    return true;
  }
  if (target instanceof NumpyDType) {
    // (version, byte order, …), where `>` is big-endian.
    target.littleEndian = !(state instanceof PickleTuple && state.items[1] === '>');
    return true;
  }
  // The state of a dict or list is the addition of a subclass, such as `_metadata` of a state_dict.
  return target instanceof InertObject || target instanceof Map || Array.isArray(target);
}

/** Make OrderedDict(), or OrderedDict([(key, value), …]) as saved by Python 2. */
function orderedDict(args: readonly PickleValue[], budget: MemoryBudget): PickleValue {
  const dict: PickleDict = new Map();
  const [pairs = []] = args;
  if (!Array.isArray(pairs) || args.length > 1) {
    throw corrupt('pickle', 'an OrderedDict is made from arguments that are no list of pairs');
  }
  budget.charge(ENTRY_COST * pairs.length, 'pickle');
  for (const pair of pairs) {
    const [key, value] = pair instanceof PickleTuple ? pair.items : Array.isArray(pair) ? pair : [];
    if (key !== undefined && isKey(key)) dict.set(key, value ?? null);
  }
  return dict;
}

/** Return true if Python can hash the value, so that it can be the key of a dict. */
export function isKey(value: PickleValue): value is PickleKey {
  return !(Array.isArray(value) || value instanceof Map || value instanceof Set);
}

/** Decode bytes of protocol 2, a string of characters below 256. Long ones are not numbers. */
function encoded([text, encoding]: readonly PickleValue[]): PickleValue {
  if (typeof text !== 'string' || encoding !== 'latin1' || text.length > MAX_NUMBER_BYTES) {
    return new InertObject('bytes');
  }
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

type ReadNumber = (view: DataView, littleEndian: boolean) => PickleValue;

const READERS: ReadonlyMap<string, ReadNumber> = new Map<string, ReadNumber>([
  ['b1', (view) => view.getUint8(0) !== 0],
  ['i1', (view) => view.getInt8(0)],
  ['u1', (view) => view.getUint8(0)],
  ['i2', (view, little) => view.getInt16(0, little)],
  ['u2', (view, little) => view.getUint16(0, little)],
  ['i4', (view, little) => view.getInt32(0, little)],
  ['u4', (view, little) => view.getUint32(0, little)],
  ['i8', (view, little) => plainNumber(view.getBigInt64(0, little))],
  ['u8', (view, little) => plainNumber(view.getBigUint64(0, little))],
  ['f2', (view, little) => halfToNumber(view.getUint16(0, little))],
  ['f4', (view, little) => view.getFloat32(0, little)],
  ['f8', (view, little) => view.getFloat64(0, little)],
]);

const plainNumber = (value: bigint): number | bigint =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value;

/** Decode scalar(dtype, bytes) to a number, if JavaScript has the type. */
function numpyScalar([dtype, bytes]: readonly PickleValue[]): PickleValue {
  const read = dtype instanceof NumpyDType ? READERS.get(dtype.code) : undefined;
  if (!(dtype instanceof NumpyDType) || !read || !(bytes instanceof Uint8Array)) {
    return new InertObject('numpy scalar');
  }
  if (bytes.length !== Number(dtype.code.slice(1))) return new InertObject('numpy scalar');
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), dtype.littleEndian);
}
