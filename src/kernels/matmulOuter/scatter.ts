/**
 * For a one-hot A: an invocation adds every row of B, in order, to the row of C that its id names, so that there are R·N
 * additions instead of R·M·N. It has a few columns of a part, whose rows it keeps in storage. For the WebAssembly adapter:
 * other machines would wait for their memory.
 */
import { defineKernel, GROUP_ARGS, launchOf, unroll } from '../../gpu/kernel.ts';
import { memoize } from '../../gpu/memoize.ts';
import type { Variant } from '../../gpu/variants.ts';
import {
  type OuterOperands,
  type OuterOptions,
  outerInterface,
  outerOperands,
  sizesOf,
  title,
} from './interface.ts';

/** Every row of C, and 64 bytes of each: a line of most caches. */
const TILE = { rows: 0x7fff_ffff, vectors: 4 };

interface Form {
  readonly operands: OuterOperands;
  /** True if every tile has as many columns. */
  readonly wholeTiles: boolean;
}

const kernelOf = memoize(({ operands, wholeTiles }: Form) => {
  const { functions: _, locate, ...bindings } = outerInterface(operands, TILE);
  const eachColumn = (text: (column: string) => string): string =>
    wholeTiles
      ? unroll(TILE.vectors, (j) => text(`firstColumn + ${j}`))
      : `for (var column = firstColumn; column < min(firstColumn + ${TILE.vectors}, width); column++) { ${text('column')} }`;
  return defineKernel({
    ...bindings,
    name: `${title(operands)} scatter${wholeTiles ? '' : ' ragged'}`,
    code: `
@compute @workgroup_size(1)
fn main(${GROUP_ARGS}) {${locate}
  let width = params.N / 4;
  let first = part * params.partVectors;
  let sums = first + params.M * width;
  let counts = params.columnSums == 1 && firstColumn == 0;
  for (var m = 0u; m < params.M; m++) { ${eachColumn((column) => `parts[first + m * width + ${column}] = vec4f();`)} }
  if (counts) {
    for (var m = 0u; m < params.M; m += 4) { parts[sums + m / 4] = vec4f(); }
  }
  for (var r = rows.x; r < rows.y; r++) {
    let id = a[r];
    if (id >= params.M) { continue; }
    ${eachColumn(
      (column) => `parts[first + id * width + ${column}] += params.scale * b[r * width + ${column}];`,
    )}
    if (counts) { parts[sums + id / 4][id % 4] += params.scale; }
  }
}`,
  });
});

/** See the head of this file. */
export const scatterVariant: Variant<OuterOptions> = {
  name: 'scatter',
  fits: ({ isWasm }, { oneHotScale }) => isWasm && oneHotScale !== undefined,
  plan: (_, options) => {
    const wholeTiles = (options.N / 4) % TILE.vectors === 0;
    const kernel = kernelOf({ operands: outerOperands(options), wholeTiles });
    return launchOf(kernel, options, sizesOf(TILE, options));
  },
};
