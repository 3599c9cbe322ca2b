/**
 * Files with other contents than weights, other keys, and the prefixes of wrappers, as people save them. The values beside
 * the weights are pickles that Python made (tests/interop/pythonValues.py).
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MemoryBudget } from '../../../src/formats/budget.ts';
import { readCheckpoint, writeSafetensors } from '../../../src/formats/index.ts';
import { PickleTuple } from '../../../src/formats/torch/pickleValues.ts';
import { Namespace } from '../../../src/formats/torch/pythonObjects.ts';
import { torchHooks } from '../../../src/formats/torch/torchObjects.ts';
import { unpickle } from '../../../src/formats/torch/unpickler.ts';
import { MINI, MINI_WEIGHTS } from '../mini.ts';
import { refusal } from '../refusal.ts';
import * as py from './pickleAssembler.ts';

const { bytes, call, dict, float32Bytes, global, int, pickle, tensor, text, torchZip, tuple } = py;

const fixture = (protocol: number): Buffer =>
  readFileSync(new URL(`../../fixtures/checkpoints/python_values_${protocol}.pkl`, import.meta.url));
/** Return Python's pickle as a value inside another pickle: without protocol and end. */
const python = (protocol: number): Uint8Array => fixture(protocol).subarray(2, -1);

/** The weights of a small model, and where each is stored. */
const ENTRIES = [
  ...[...MINI_WEIGHTS].map(([name, { shape, data }]) => ({ name, shape, data: [...data] })),
  { name: 'blocks.0.alibi_slopes', shape: [2], data: [2 ** -4, 2 ** -8] },
];
const STORAGES = ENTRIES.map(({ data }) => float32Bytes(...data));

const stateDict = (rename = (name: string) => name, ...more: [string, Uint8Array][]): Uint8Array =>
  dict(
    ...ENTRIES.map(({ name, shape }, key): [string, Uint8Array] => [
      rename(name),
      tensor({ key: String(key), shape }),
    ]),
    ...more,
  );

const file = (root: Uint8Array, ...more: Uint8Array[]): Uint8Array =>
  torchZip(pickle(root), [...STORAGES, ...more]);

function expectMini(content: Uint8Array): void {
  const { config, stateDict } = readCheckpoint(content, 'wild.pt');
  expect(config).toMatchObject({ ...MINI, dropout: expect.any(Number) });
  expect([...stateDict].map(([name, { data }]) => [name, [...data]])).toEqual(
    [...MINI_WEIGHTS].map(([name, { data }]) => [name, [...data]]),
  );
}

const SIZES = dict(
  ...Object.entries({ ntoken: 3, ninp: 4, nhead: 2, nhid: 2, nlayers: 1 }).map(
    ([key, value]): [string, Uint8Array] => [key, int(value)],
  ),
);

describe('names of weights', () => {
  it.each<[string, (name: string) => string]>([
    ['torch.compile', (name) => `_orig_mod.${name}`],
    ['DataParallel', (name) => `module.${name}`],
    ['both', (name) => `module._orig_mod.${name}`],
    ['both, the other way', (name) => `_orig_mod.module.${name}`],
    ['Lightning', (name) => `model.${name}`],
    ['Lightning and torch.compile', (name) => `model._orig_mod.${name}`],
    ['a trainer', (name) => `policy.module.${name}`],
    ['every block compiled', (name) => name.replace(/^blocks\.0\./, 'blocks.0._orig_mod.')],
    [
      'sharding',
      (name) => `_fsdp_wrapped_module.${name.replace(/^blocks\.0\./, 'blocks.0._fsdp_wrapped_module.')}`,
    ],
    [
      'activation checkpointing',
      (name) => name.replace(/^blocks\.0\./, 'blocks.0._checkpoint_wrapped_module.'),
    ],
  ])('of %s are those of the model', (_, rename) => {
    expectMini(file(stateDict(rename)));
    expectMini(file(dict(['state_dict', stateDict(rename)], ['config', SIZES])));
    const tensors = new Map(
      [...MINI_WEIGHTS].map(([name, { shape, data }]) => [
        rename(name),
        { dtype: 'F32' as const, shape, data },
      ]),
    );
    const own = writeSafetensors({ tensors, metadata: new Map([['config', JSON.stringify(MINI)]]) });
    expectMini(own);
  });

  it('of an averaged model are read beside its counter', () => {
    const counter = tensor({ key: String(STORAGES.length), shape: [], storage: 'LongStorage' });
    expectMini(
      file(
        stateDict((name) => `module.${name}`, ['n_averaged', counter]),
        new Uint8Array(8),
      ),
    );
  });

  it('that become one are refused', () => {
    const twice = tensor({ key: '0', shape: [3, 4] });
    const error = refusal(() =>
      readCheckpoint(file(stateDict(undefined, ['_orig_mod.tok_emb.weight', twice])), 'x'),
    );
    expect(error.code).toBe('NOT_A_CHECKPOINT');
    expect(error.message).toMatch(/two weights are "tok_emb.weight" once wrappers are left out/);
  });

  it('of another model in the same dict are refused', () => {
    const stranger = tensor({ key: '0', shape: [3, 4] });
    const error = refusal(() =>
      readCheckpoint(file(stateDict((name) => `actor.${name}`, ['critic.head.weight', stranger])), 'x'),
    );
    expect(error.code).toBe('TENSOR_MISMATCH');
    expect(error.message).toMatch(/1 not part of the model: "critic.head.weight"/);
  });
});

describe('dicts around weights', () => {
  const optimizer = dict(
    ['state', bytes(py.EMPTY_DICT, int(0), dict(['exp_avg', tensor({ key: '0', shape: [3, 4] })]), 0x73)],
    ['param_groups', py.list(dict(['lr', py.float(1e-3)], ['params', py.list(int(0))]))],
  );

  it.each(['state_dict', 'model_state_dict', 'model', 'module', 'net', 'weights', 'actor'])('%s', (key) => {
    expectMini(
      file(
        dict(['epoch', int(3)], ['optimizer_state_dict', optimizer], [key, stateDict()], ['config', SIZES]),
      ),
    );
  });

  it.each([
    ['two deep', dict(['state', dict(['model', stateDict()], ['optimizer', optimizer])])],
    [
      'with a random generator beside',
      dict(['model', stateDict()], ['rng', tensor({ key: '0', shape: [12] })]),
    ],
    ['with notes between the weights', stateDict(undefined, ['epoch', int(3)], ['optimizer', optimizer])],
    ['with a config of another project', dict(['model', stateDict()], ['config', dict(['lr', py.float(1)])])],
    ['with the path of a config', dict(['model', stateDict()], ['config', text('configs/tiny.yaml')])],
  ])('%s', (_, root) => {
    expectMini(file(root));
  });

  it('may have their config as a namespace, or at the outer dict', () => {
    const namespace = bytes(call(global('argparse', 'Namespace')), SIZES, 0x62);
    const bare = stateDict((name) => name);
    expectMini(file(dict(['model', bare], ['args', namespace])));
    expectMini(file(dict(['checkpoint', dict(['model', bare])], ['hparams', SIZES])));
  });

  it.each(['ema_state_dict', 'model_ema', 'generator', 'student', 'G'])(
    'of a name of their own: %s',
    (key) => {
      const wrapped = stateDict((name) => `module.${name}`);
      expectMini(file(dict(['optimizer', optimizer], [key, wrapped], ['config', SIZES])));
    },
  );

  it('that hold weights of no such model, and no known name, are told by their first entry', () => {
    const error = refusal(() => readCheckpoint(file(dict(['optimizer', optimizer])), 'x'));
    expect(error.message).toMatch(/entry "optimizer" is a dict, not a tensor with a name/);
  });

  it('that hold none are told by their first entry', () => {
    const error = refusal(() => readCheckpoint(file(dict(['model', dict(['a', int(1)])])), 'x'));
    expect(error.message).toMatch(/entry "model" is a dict, not a tensor with a name/);
  });
});

describe('values beside weights', () => {
  it.each([2, 5])('of Python, by protocol %i', (protocol) => {
    expectMini(file(dict(['model', stateDict()], ['extra', python(protocol)])));
  });

  it.each([2, 5])('are what they were, where they are plain, by protocol %i', (protocol) => {
    const content = fixture(protocol);
    const budget = new MemoryBudget(content.length);
    const { value } = unpickle(content, 0, torchHooks(new Map(), budget), budget);
    if (!(value instanceof Map)) throw new Error('it is no dict');
    expect(value.get('numpy')).toEqual([0.5, 0.25, 7, 2n ** 60n, 200, true, 1.5, -3]);
    expect(value.get('big')).toBe(1.5);
    expect(value.get('ordered')).toEqual(new Map([['a', 1], ['b', 2]])); // biome-ignore format: pairs
    expect(value.get('default')).toEqual(new Map([['a', [1]]]));
    expect(value.get('deque')).toEqual([1, 2]);
    const namespace = value.get('namespace');
    if (!(namespace instanceof Namespace)) throw new Error('it is no namespace');
    expect(namespace.fields.get('lr')).toBe(1e-3);
    expect(value.get('big_integer')).toBe(2n ** 70n);
    expect([...value.values()]).not.toContain(undefined);
  });

  it('of PyTorch: devices, sizes, data types, layouts, parameters with attributes', () => {
    const weight = tensor({ key: '0', shape: [3, 4] });
    const rebuild = global('torch._utils', '_rebuild_tensor_v2');
    // The arguments of the tensor's own call, as one tuple.
    const parts = weight.subarray(rebuild.length, -1);
    const extra: [string, Uint8Array][] = [
      ['device', call(global('torch', 'device'), text('cuda'), int(0))],
      ['size', call(global('torch', 'Size'), tuple(int(2), int(3)))],
      ['dtype', global('torch', 'float32')],
      ['dtypes', py.list(global('torch', 'bfloat16'), global('torch', 'int64'), global('torch', 'bool'))],
      ['layout', call(global('torch.serialization', '_get_layout'), text('torch.strided'))],
      ['format', global('torch', 'contiguous_format')],
      ['factory', call(global('collections', 'defaultdict'), global('__builtin__', 'list'))],
      ['by device', bytes(py.EMPTY_DICT, call(global('torch', 'device'), text('cpu')), int(1), 0x73)],
      [
        'attributes',
        call(
          global('torch._tensor', '_rebuild_from_type_v2'),
          rebuild,
          global('torch', 'Tensor'),
          parts,
          py.EMPTY_DICT,
        ),
      ],
    ];
    expectMini(file(dict(['model', stateDict()], ...extra)));
    const budget = new MemoryBudget(0);
    const size = pickle(call(global('torch', 'Size'), tuple(int(2), int(3))));
    expect(unpickle(size, 0, torchHooks(new Map(), budget), budget).value).toEqual(new PickleTuple([2, 3]));
  });

  it('of PyTorch: its version, every data type, forms of memory and of quantisation', () => {
    const version = bytes(global('torch.torch_version', 'TorchVersion'), tuple(text('2.4.1')), 0x81);
    const names =
      'uint7 int4 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu bits8 quint4x2 sparse_coo sparse_csr jagged ' +
      'channels_last_3d per_tensor_affine per_channel_affine';
    const types = names.split(' ').map((name) => global('torch', name));
    const numpy = 'bool longlong intc complex64 object_ datetime64 float_'.split(' ');
    const numpyTypes = [
      ...numpy.map((name) => global('numpy', name)),
      global('numpy.dtypes', 'Float32DType'),
      global('builtins', 'Ellipsis'),
    ];
    const extra = dict(['version', version], ['types', py.list(...types)], ['numpy', py.list(...numpyTypes)]);
    expectMini(file(dict(['model', stateDict()], ['extra', extra])));
    const budget = new MemoryBudget(0);
    expect(unpickle(pickle(version), 0, torchHooks(new Map(), budget), budget).value).toBe('2.4.1');
  });

  it.each([
    ['complex numbers', 'ComplexFloatStorage', '_rebuild_tensor_v2'],
    ['quantised numbers', 'QUInt8Storage', '_rebuild_qtensor'],
    ['numbers that are newer than storages with a type', 'UntypedStorage', '_rebuild_tensor_v3'],
  ])('of PyTorch: tensors of %s', (_, storage, rebuild) => {
    const id = tuple(text('storage'), global('torch', storage), text('c'), text('cpu'), int(1));
    const sides = tuple(int(1));
    const other = call(global('torch._utils', rebuild), bytes(id, 0x51), int(0), sides, sides);
    expectMini(file(dict(['model', stateDict()], ['extra', other])));
  });

  it('as integers of any length that Python has', () => {
    const budget = new MemoryBudget(0);
    const hooks = torchHooks(new Map(), budget);
    const written = (value: bigint, length: number): Uint8Array => {
      const unsigned = BigInt.asUintN(8 * length, value);
      const digits = Array.from({ length }, (_, i) => Number((unsigned >> BigInt(8 * i)) & 255n));
      return Uint8Array.of(0x8a, length, ...digits);
    };
    for (const [value, length] of [
      [2n ** 127n + 12345n, 17], // the state of numpy's PCG64
      [-(2n ** 127n), 16],
      [-(2n ** 500n) - 1n, 63],
      [2n ** 2000n, 251],
    ] as const) {
      expect(unpickle(pickle(written(value, length)), 0, hooks, budget).value).toBe(value);
    }
    expect(unpickle(pickle(written(-5n, 9)), 0, hooks, budget).value).toBe(-5);
    expect(unpickle(pickle(Uint8Array.of(0x8a, 0)), 0, hooks, budget).value).toBe(0);
  });

  it('as arguments of an OrderedDict of Python 2', () => {
    const pairs = ENTRIES.map(({ name, shape }, key) =>
      py.list(text(name), tensor({ key: String(key), shape })),
    );
    expectMini(file(call(global('collections', 'OrderedDict'), py.list(...pairs))));
  });
});

describe('what stays refused', () => {
  it.each([
    ['builtins', 'getattr'],
    ['__builtin__', 'eval'],
    ['builtins', 'exec'],
    ['os', 'system'],
    ['posix', 'system'],
    ['subprocess', 'Popen'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['torch.storage', '_load_from_bytes'],
    ['numpy', 'load'],
    ['numpy.testing._private.utils', 'runstring'],
    ['pathlib', 'os'],
    ['argparse', '_sys'],
    ['collections', '_sys'],
    ['operator', 'attrgetter'],
    ['functools', 'partial'],
    ['_codecs', 'lookup'],
    ['__main__', 'Config'],
    ['collections', '__class__'],
    ['torch', '__proto__'],
  ])('%s.%s', (module, name) => {
    const root = dict(['model', stateDict()], ['extra', global(module, name)]);
    expect(refusal(() => readCheckpoint(file(root), 'x')).code).toBe('FORBIDDEN_GLOBAL');
  });

  it('calling a data type, and the state of a number', () => {
    const called = dict(['model', stateDict()], ['extra', call(global('torch', 'float32'))]);
    expect(refusal(() => readCheckpoint(file(called), 'x')).message).toMatch(
      /it calls the type "torch.float32"/,
    );
    const built = dict(['model', stateDict()], ['extra', bytes(int(1), py.EMPTY_DICT, 0x62)]);
    expect(refusal(() => readCheckpoint(file(built), 'x')).message).toMatch(/sets the state of an object/);
  });

  it('a list that many OrderedDicts copy', () => {
    const pair = py.list(int(1), int(2));
    const list = bytes(0x5d, 0x71, 0, py.MARK, ...Array.from({ length: 2000 }, () => pair), 0x65, 0x30);
    const copy = bytes(global('collections', 'OrderedDict'), 0x68, 0, 0x85, py.REDUCE, 0x30);
    const root = bytes(list, ...Array.from({ length: 2000 }, () => copy), py.EMPTY_DICT);
    expect(refusal(() => readCheckpoint(file(root), 'x')).code).toBe('TOO_LARGE');
  });
});
