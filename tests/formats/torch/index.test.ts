/**
 * Files of torch.save: valid pickles are read, and hostile ones refused. pickleAssembler.ts assembles them opcode by opcode.
 */

import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/formats/budget.ts';
import { openCheckpoint } from '../../../src/formats/open.ts';
import { refusal } from '../refusal.ts';
import * as py from './pickleAssembler.ts';

const { bytes, dict, float32Bytes, pickle, tensor, torchLegacy, torchZip } = py;

const open = (file: Uint8Array) => openCheckpoint(file, new MemoryBudget(file.length));
const values = (file: Uint8Array, name = 'x'): number[] => [...(open(file).weights.get(name)?.read() ?? [])];
const one = (recipe: py.TensorRecipe): Uint8Array => pickle(dict(['x', tensor(recipe)]));
const counting = float32Bytes(0, 1, 2, 3, 4, 5);

describe('tensors', () => {
  it.each<[string, py.TensorRecipe, number[]]>([
    ['contiguous', { shape: [2, 3] }, [0, 1, 2, 3, 4, 5]],
    ['transposed', { shape: [3, 2], strides: [1, 3] }, [0, 3, 1, 4, 2, 5]],
    ['a column', { shape: [2], strides: [3], offset: 1, length: 6 }, [1, 4]],
    ['a row', { shape: [3], offset: 3, length: 6 }, [3, 4, 5]],
    ['expanded', { shape: [2, 2], strides: [0, 1], length: 6 }, [0, 1, 0, 1]],
    ['permuted in three axes', { shape: [1, 3, 2], strides: [6, 1, 3] }, [0, 3, 1, 4, 2, 5]],
    ['a side of 1 with a free stride', { shape: [1, 6], strides: [999, 1] }, [0, 1, 2, 3, 4, 5]],
    ['a scalar', { shape: [], offset: 4, length: 6 }, [4]],
    ['empty', { shape: [0, 9], length: 6 }, []],
  ])('%s', (_, recipe, expected) => {
    expect(values(torchZip(one(recipe), [counting]))).toEqual(expected);
    const length = 6;
    const legacy = dict(['x', tensor(recipe, true)]);
    expect(values(torchLegacy(legacy, [{ length, content: counting }]))).toEqual(expected);
  });

  it('of float64, float16 and bfloat16 become float32', () => {
    const double = new Uint8Array(Float64Array.of(0.1, -2).buffer);
    const half = bytes(0x00, 0x3c, 0x00, 0xc0);
    expect(values(torchZip(one({ shape: [2], storage: 'DoubleStorage' }), [double]))).toEqual([
      Math.fround(0.1),
      -2,
    ]);
    expect(values(torchZip(one({ shape: [2], storage: 'HalfStorage' }), [half]))).toEqual([1, -2]);
    const brain = bytes(0x80, 0x3f, 0x00, 0xc0);
    expect(values(torchZip(one({ shape: [2], storage: 'BFloat16Storage' }), [brain]))).toEqual([1, -2]);
    // Strided too: every second element.
    const strided = { shape: [2], strides: [2], length: 4, storage: 'HalfStorage' };
    expect(values(torchZip(one(strided), [bytes(half, half)]))).toEqual([1, 1]);
  });

  it('wrapped as parameters are read', () => {
    const parameter = py.call(
      py.global('torch._utils', '_rebuild_parameter'),
      tensor({ shape: [6] }),
      py.FALSE,
      py.call(py.global('collections', 'OrderedDict')),
    );
    expect(values(torchZip(pickle(dict(['x', parameter])), [counting]))).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('pickles', () => {
  it('of protocol 4 and 5 are read: frames, memoize, stack globals, short texts', () => {
    const short = (value: string) =>
      bytes(
        0x8c,
        value.length,
        [...value].map((char) => char.charCodeAt(0)),
        0x94,
      );
    const stackGlobal = (module: string, name: string) => bytes(short(module), short(name), 0x93, 0x94);
    const body = bytes(
      [0x7d, 0x94], // {}
      short('x'),
      stackGlobal('torch._utils', '_rebuild_tensor_v2'),
      py.MARK,
      [...py.MARK, ...short('storage')],
      stackGlobal('torch', 'FloatStorage'),
      short('0'),
      short('cpu'),
      [0x4b, 6, 0x74, 0x94, 0x51, 0x4b, 0], // 6, tuple, memoize, persistent id, offset 0
      [0x4b, 6, 0x85, 0x94, 0x4b, 1, 0x85, 0x94, 0x89], // (6,), (1,), False
      stackGlobal('collections', 'OrderedDict'),
      [0x29, 0x52, 0x94, 0x74, 0x94, 0x52, 0x94, 0x73, 0x2e], // OrderedDict(), tuple, call, setitem, stop
    );
    for (const protocol of [4, 5]) {
      const framed = bytes(0x80, protocol, 0x95, py.u64(body.length), body);
      expect(values(torchZip(framed, [counting]))).toEqual([0, 1, 2, 3, 4, 5]);
    }
  });

  it('may hold plain containers and the state of an OrderedDict beside the weights', () => {
    const set = bytes(0x8f, py.MARK, py.int(1), py.text('a'), 0x90);
    const frozen = bytes(py.MARK, py.int(1), 0x91);
    const listed = bytes(py.MARK, py.NONE, py.float(1.5), 0x6c);
    const built = bytes(
      py.call(py.global('collections', 'OrderedDict')),
      dict(['_metadata', py.EMPTY_DICT]),
      0x62,
    );
    const raw = bytes(0x43, 2, [1, 2]);
    const extra: [string, Uint8Array][] = [set, frozen, listed, built, raw, py.int(2 ** 40), py.int(-5)].map(
      (value, i) => [`extra${i}`, value],
    );
    const root = dict(['state_dict', dict(['x', tensor({ shape: [6] })])], ...extra);
    expect(values(torchZip(pickle(root), [counting]))).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

const system = py.call(py.global('os', 'system'), py.text('echo pwned'));
const stack = (...parts: (number | Uint8Array)[]) => bytes(0x80, 2, ...parts);
const OBJECT = py.global('collections', 'OrderedDict');

describe('hostile pickles', () => {
  it.each<[string, Uint8Array, string, RegExp]>([
    ['os.system', pickle(system), 'FORBIDDEN_GLOBAL', /"os.system".*do not trust/],
    ['builtins.eval', pickle(py.global('builtins', 'eval')), 'FORBIDDEN_GLOBAL', /"builtins.eval"/],
    [
      'a stack global',
      stack(py.text('posix'), py.text('system'), 0x93, 0x2e),
      'FORBIDDEN_GLOBAL',
      /"posix.system"/,
    ],
    ['a name with dots', pickle(py.global('torch', 'FloatStorage.__init__')), 'FORBIDDEN_GLOBAL', /./],
    ['a split of an allowed path', pickle(py.global('torch', 'load')), 'FORBIDDEN_GLOBAL', /"torch.load"/],
    ['a global of Object.prototype', pickle(py.global('torch', 'constructor')), 'FORBIDDEN_GLOBAL', /./],
    [
      'calling a storage type',
      pickle(py.call(py.global('torch', 'FloatStorage'))),
      'CORRUPT',
      /calls the storage type/,
    ],
    ['calling a text', pickle(bytes(py.text('f'), 0x29, 0x52)), 'CORRUPT', /lacks its function/],
    ['arguments that are no tuple', pickle(bytes(OBJECT, 0x5d, 0x52)), 'CORRUPT', /arguments/],
    ['an OrderedDict of arguments', pickle(py.call(OBJECT, py.EMPTY_DICT)), 'CORRUPT', /from arguments/],
    [
      'state on a tensor',
      pickle(bytes(tensor({ shape: [6] }), py.EMPTY_DICT, 0x62)),
      'UNSUPPORTED',
      /state of an object/,
    ],
    ['NEWOBJ_EX', stack(OBJECT, 0x29, 0x7d, 0x92, 0x2e), 'UNSUPPORTED', /opcode 0x92/],
    ['INST', stack(py.MARK, 0x69), 'UNSUPPORTED', /opcode 0x69/],
    ['an extension code', stack(0x82, 1, 0x2e), 'UNSUPPORTED', /opcode 0x82/],
    ['protocol 1', bytes(0x80, 1, 0x7d, 0x2e), 'UNSUPPORTED', /protocol 1/],
    ['protocol 6', bytes(0x80, 6, 0x7d, 0x2e), 'UNSUPPORTED', /protocol 6/],
    ['an empty pickle', new Uint8Array(), 'TRUNCATED', /byte 0/],
    ['no STOP', stack(0x7d), 'TRUNCATED', /ends in the middle/],
    ['STOP on an empty stack', stack(0x2e), 'CORRUPT', /empty stack/],
    ['STOP under a mark', stack(0x7d, py.MARK, 0x2e), 'CORRUPT', /empty stack/],
    ['a tuple without a mark', stack(0x74, 0x2e), 'CORRUPT', /mark that was never set/],
    ['an unset memo', stack(0x68, 9, 0x2e), 'CORRUPT', /memo 9/],
    ['appending to a dict', stack(0x7d, 0x4e, 0x61, 0x2e), 'CORRUPT', /not a list/],
    ['setting an item of a list', stack(0x5d, 0x4e, 0x4e, 0x73, 0x2e), 'CORRUPT', /not a dict/],
    ['an odd number of items', stack(0x7d, py.MARK, 0x4e, 0x75, 0x2e), 'CORRUPT', /no value/],
    ['a list as a key', stack(0x7d, 0x5d, 0x4e, 0x73, 0x2e), 'UNSUPPORTED', /neither text nor a number/],
    ['a text past the end', stack(0x58, py.u32(0xffffffff), 1, 2), 'TRUNCATED', /./],
    ['a text of 2^64−1 bytes', stack(0x8d, py.u64(2n ** 64n - 1n), 1, 2), 'TRUNCATED', /./],
    ['a frame of 2^63 bytes', stack(0x95, py.u64(2n ** 63n)), 'TRUNCATED', /./],
    ['an integer of 4 GB', stack(0x8b, py.u32(0xfffffff0)), 'UNSUPPORTED', /integer has 4294967280 bytes/],
    ['bad UTF-8', stack(0x8c, 1, 0xff, 0x2e), 'CORRUPT', /not UTF-8/],
    ['a name without end', stack(0x63, new Uint8Array(1000).fill(0x61)), 'CORRUPT', /name does not end/],
    ['an unknown persistent id', pickle(bytes(py.text('x'), 0x51)), 'CORRUPT', /way torch.save does not/],
    ['a storage of −1', one({ shape: [1], length: -1 }), 'CORRUPT', /has -1 elements/],
    ['a storage of 2^60', one({ shape: [1], length: 2 ** 60 }), 'CORRUPT', /1152921504606846976 elements/],
    [
      'a shape past the storage',
      one({ shape: [7], length: 6 }),
      'CORRUPT',
      /\[7\] reaches past its storage of 6/,
    ],
    ['an offset past the storage', one({ shape: [6], offset: 1 }), 'CORRUPT', /reaches past/],
    ['a stride past the storage', one({ shape: [2], strides: [6], length: 6 }), 'CORRUPT', /reaches past/],
    [
      'a negative stride',
      one({ shape: [2], strides: [-1], offset: 5, length: 6 }),
      'CORRUPT',
      /way torch.save does not/,
    ],
    ['a negative offset', one({ shape: [2], offset: -1, length: 6 }), 'CORRUPT', /way torch.save does not/],
    [
      'a negative side',
      one({ shape: [-2, -3], strides: [3, 1], length: 6 }),
      'CORRUPT',
      /way torch.save does not/,
    ],
    [
      'sides whose product overflows',
      one({ shape: [2 ** 31, 2 ** 31], strides: [0, 0], length: 6 }),
      'CORRUPT',
      /reaches past/,
    ],
    [
      'fewer strides than sides',
      one({ shape: [2, 3], strides: [1], length: 6 }),
      'CORRUPT',
      /2 dimensions and 1 strides/,
    ],
    ['rank 17', one({ shape: new Array(17).fill(1), length: 6 }), 'CORRUPT', /17 dimensions/],
    [
      'one storage described twice',
      pickle(dict(['x', tensor({ shape: [6] })], ['y', tensor({ shape: [3], storage: 'DoubleStorage' })])),
      'CORRUPT',
      /described twice/,
    ],
  ])('%s', (_, root, code, message) => {
    const error = refusal(() => open(torchZip(root, [counting])));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('an expanded tensor cannot ask for more memory than the file may', () => {
    const file = torchZip(one({ shape: [2 ** 15, 2 ** 15], strides: [0, 0], length: 6 }), [counting]);
    expect(refusal(() => values(file)).code).toBe('TOO_LARGE');
  });

  it('many expanded tensors together cannot either', () => {
    const each = tensor({ shape: [2 ** 22], strides: [0], length: 6 });
    const names = Array.from({ length: 8 }, (_, i) => `x${i}`);
    const file = torchZip(pickle(dict(...names.map((name): [string, Uint8Array] => [name, each]))), [
      counting,
    ]);
    const { weights } = open(file);
    expect(refusal(() => names.map((name) => weights.get(name)?.read())).code).toBe('TOO_LARGE');
  });

  it.each<[string, number[]]>([
    ['dicts', [0x7d]],
    ['lists', [0x5d]],
    ['tuples', [0x29]],
    ['byte strings', [0x43, 0]],
  ])('a pickle of a million %s is refused before it fills the memory', (_, opcodes) => {
    const million = new Uint8Array(1_000_000 * opcodes.length).map(
      (_, i) => opcodes[i % opcodes.length] ?? 0,
    );
    const root = new Uint8Array(million.length + 2);
    root.set([0x80, 2]);
    root.set(million, 2);
    expect(refusal(() => open(torchZip(root, []))).code).toBe('TOO_LARGE');
  });

  it('nested references cost nothing (a billion laughs)', () => {
    // Each level is a list holding the level before ten times.
    const level = bytes(
      0x71,
      0,
      0x30,
      0x5d,
      py.MARK,
      new Uint8Array(20).map((_, i) => (i % 2 ? 0 : 0x68)),
      0x65,
    );
    const laughs = bytes(0x80, 2, 0x5d, ...Array.from({ length: 40 }, () => level), 0x2e);
    expect(refusal(() => open(torchZip(laughs, []))).message).toMatch(/a list instead of a dict/);
  });

  it('integer weights are refused by name', () => {
    const file = torchZip(one({ shape: [1], storage: 'LongStorage' }), [new Uint8Array(8)]);
    expect(refusal(() => values(file)).message).toMatch(/"x": its dtype is I64; save it as float32/);
  });
});

describe('hostile zip files', () => {
  const root = one({ shape: [6] });
  it.each<[string, Uint8Array, string, RegExp]>([
    ['no storage', torchZip(root, []), 'CORRUPT', /"x": its storage data\/0 is missing/],
    ['a short storage', torchZip(root, [new Uint8Array(20)]), 'CORRUPT', /20 bytes instead of 24/],
    ['a long storage', torchZip(root, [new Uint8Array(28)]), 'CORRUPT', /28 bytes instead of 24/],
    [
      'big-endian',
      torchZip(root, [counting], { 'model/byteorder': Buffer.from('big') }),
      'BIG_ENDIAN',
      /big-endian/,
    ],
    [
      'a strange byte order',
      torchZip(root, [counting], { 'model/byteorder': new Uint8Array(9) }),
      'CORRUPT',
      /neither/,
    ],
    ['two pickles', torchZip(root, [], { 'b/data.pkl': root }), 'NOT_A_CHECKPOINT', /2 files named data.pkl/],
    ['TorchScript', torchZip(root, [], { 'model/constants.pkl': root }), 'UNSUPPORTED', /TorchScript/],
  ])('%s', (_, file, code, message) => {
    const error = refusal(() => values(file));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});

describe('hostile files of the older format', () => {
  const root = dict(['x', tensor({ shape: [6] }, true)]);
  const good = [{ length: 6, content: counting }];
  const view = py.tuple(py.text('v'), py.int(0), py.int(1));
  const viewed = dict(['x', bytes(Buffer.from(tensor({ shape: [6] }, true)))]);
  it.each<[string, Uint8Array, string, RegExp]>([
    [
      'another magic number',
      torchLegacy(root, good, { magic: py.int(7) }),
      'NOT_A_CHECKPOINT',
      /not one of torch.save/,
    ],
    ['another version', torchLegacy(root, good, { version: 1002 }), 'UNSUPPORTED', /version is not 1001/],
    ['big-endian', torchLegacy(root, good, { littleEndian: false }), 'BIG_ENDIAN', /big-endian/],
    [
      'an unlisted storage',
      torchLegacy(root, [], { keys: [] }),
      'CORRUPT',
      /"x": its storage "0" is missing/,
    ],
    [
      'a listed stranger',
      torchLegacy(root, good, { keys: ['0', '1'] }),
      'CORRUPT',
      /does not fit the tensors/,
    ],
    [
      'a storage listed twice',
      torchLegacy(root, good, { keys: ['0', '0'] }),
      'CORRUPT',
      /does not fit the tensors/,
    ],
    [
      'another length',
      torchLegacy(root, [{ length: 5, content: counting }]),
      'CORRUPT',
      /does not have the 6 elements/,
    ],
    [
      'a cut storage',
      torchLegacy(root, [{ length: 6, content: counting.slice(1) }]),
      'TRUNCATED',
      /the file ends at byte/,
    ],
    ['a forbidden global', torchLegacy(system, []), 'FORBIDDEN_GLOBAL', /os.system/],
    [
      'a forbidden global as magic',
      torchLegacy(root, good, { magic: system }),
      'FORBIDDEN_GLOBAL',
      /os.system/,
    ],
    [
      'a view of a storage',
      torchLegacy(replaced(viewed, py.NONE, view), good),
      'UNSUPPORTED',
      /view of another storage/,
    ],
  ])('%s', (_, file, code, message) => {
    const error = refusal(() => values(file));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  /** The last item of the persistent id is the only None (0x4e) before a tuple's end (0x74). */
  function replaced(source: Uint8Array, what: Uint8Array, by: Uint8Array): Uint8Array {
    const at = source.findIndex(
      (byte, i) => byte === what[0] && source[i + 1] === 0x74 && source[i + 2] === 0x51,
    );
    return bytes(source.subarray(0, at), by, source.subarray(at + 1));
  }
});
