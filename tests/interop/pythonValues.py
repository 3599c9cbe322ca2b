"""Writes the pickles of tests/fixtures/checkpoints/python_values_*.pkl: values that people save beside weights.

Run it from the root of the repository with Python 3 and numpy.
"""
import argparse
import collections
import datetime
import decimal
import fractions
import pathlib
import pickle
import types
import uuid

import numpy as np

values = {
  'numpy': [np.float64(0.5), np.float32(0.25), np.int64(7), np.int64(2**60), np.uint8(200), np.bool_(True), np.float16(1.5), np.int32(-3)],
  'big_endian': np.dtype('>f8').type(1.5), 'big': np.array([1.5], dtype='>f8')[0],
  'array': np.arange(3), 'matrix': np.zeros((2, 2), dtype=np.float32), 'dtype': np.dtype('float32'), 'type': np.float32,
  'random': ('MT19937', np.arange(4, dtype=np.uint32), 4, 0, 0.0),
  'ordered': collections.OrderedDict(a=1, b=2), 'default': collections.defaultdict(list, {'a': [1]}),
  'counter': collections.Counter('aab'), 'deque': collections.deque([1, 2], maxlen=3),
  'namespace': argparse.Namespace(lr=1e-3, path=pathlib.Path('a/b')), 'simple': types.SimpleNamespace(x=1),
  'path': pathlib.PurePosixPath('/a/b'), 'windows': pathlib.PureWindowsPath('c:/a'),
  'set': {1, 'a', (2, 3)}, 'frozenset': frozenset([1]), 'bytes': b'\x00\xffabc', 'empty': b'', 'long': bytes(300), 'bytearray': bytearray(b'ab'),
  'complex': 1+2j, 'slice': slice(1, 2), 'range': range(3), 'tuple': ({'a': (1,)},), 'keys': {(1, 2): 'x', b'k': 1, None: 2, True: 3, 1.5: 4},
  'when': datetime.datetime(2020, 1, 2, 3, 4), 'took': datetime.timedelta(seconds=5), 'zone': datetime.timezone.utc,
  'uuid': uuid.UUID(int=5), 'decimal': decimal.Decimal('1.5'), 'fraction': fractions.Fraction(1, 3),
  'classes': [int, float, str, dict, list], 'none': None, 'big_integer': 2**70,
}

for protocol in (2, 5):
    with open(f'tests/fixtures/checkpoints/python_values_{protocol}.pkl', 'wb') as file:
        pickle.dump(values, file, protocol)
