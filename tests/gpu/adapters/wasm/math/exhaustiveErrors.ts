/**
 * Print the largest error of each function of one argument.
 *
 *   npx tsx tests/gpu/adapters/wasm/math/exhaustiveErrors.ts [STRIDE] [NAME…]
 *
 * Every STRIDE-th f32 is tried; with 1, the default, all 2³², which takes some minutes for each function.
 */
import { everyFloat, type Worst, worstOf } from './errors.ts';
import { UNARY } from './functions.ts';

const BATCH = 2 ** 20;
const [stride = '1', ...names] = process.argv.slice(2);
const step = Number(stride);
if (!Number.isInteger(step) || step < 1)
  throw new RangeError(`the stride is a positive integer, not ${stride}`);

for (const elementary of UNARY) {
  if (names.length > 0 && !names.includes(elementary.name)) continue;
  let worst: Worst = { error: 0, at: [], result: 0 };
  for (let first = 0; first < 2 ** 32; first += BATCH * step) {
    const found = worstOf(elementary, [everyFloat(first, step, BATCH)]);
    if (found.error > worst.error) worst = found;
  }
  console.log(
    `${elementary.name}: ${worst.error.toFixed(3)} ulp at ${worst.at.join(', ')} (${worst.result})`,
  );
}
