import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BufferView } from '../../src/gpu/buffers.ts';
import type { Device } from '../../src/gpu/device.ts';
import { defineKernel, type Kernel } from '../../src/gpu/kernel.ts';
import { choicesOf, repeatsFor, type TuningCase, tune } from '../../src/gpu/tuning.ts';
import { chosenVariant, type Family, type Variant } from '../../src/gpu/variants.ts';
import { openDevice } from '../device.ts';

const COUNT = 64;

interface Options {
  readonly x: BufferView;
  readonly y: BufferView;
}

/** y = f(x), after spinning `rounds` times. */
function variant(name: string, body: string, rounds = 0, half = false): Variant<Options> {
  const kernel = defineKernel({
    name,
    params: { rounds: 'u32' },
    reads: { x: 'array<f32>' },
    writes: { y: 'array<f32>' },
    code: `
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) i: u32) {
  var spun = 0.0;
  for (var round = 0u; round < params.rounds; round++) { spun = fract(spun + x[round % 64] * 1.7); }
  y[i] = ${body} + select(0.0, 1.0, spun > 2.0);
}`,
  });
  return {
    name,
    half,
    fits: () => true,
    plan: (_, { x, y }) => ({
      kernel: kernel as unknown as Kernel,
      buffers: { x, y },
      params: { rounds },
      workgroups: [1],
    }),
  };
}

const SLOW = variant('slow', '2.0 * x[i]', 400_000);
const FAST = variant('fast', 'x[i] + x[i]');
const FAST_HALF = variant('fast half', '2.0 * floor(x[i] * 1024.0) / 1024.0', 0, true);
const WRONG = variant('wrong', '2.001 * x[i]');
const NOT_A_NUMBER = variant('not a number', 'bitcast<f32>(0x7fc00000u + u32(round(spun)))');
const INVALID = variant('invalid', 'no_such_function(x[i])');

const familyOf = (variants: readonly Variant<Options>[], prefer = 'slow'): Family<Options> => ({
  name: 'double',
  shapeClass: () => 'any',
  variants,
  portable: 'slow',
  prefer: () => prefer,
});

const caseOf = (family: Family<Options>): TuningCase<Options> => ({
  family,
  make: (device) => {
    const [x, y] = [device.allocate(4 * COUNT), device.allocate(4 * COUNT)];
    device.upload(
      x,
      Float32Array.from({ length: COUNT }, (_, i) => i / 7 - 3),
    );
    return { x, y };
  },
  outputs: ({ y }) => [y],
});

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

describe('tune', () => {
  test('chooses the fastest of those that are right, and says what is wrong with the others', async () => {
    const family = familyOf([SLOW, WRONG, NOT_A_NUMBER, INVALID, FAST]);
    const [result] = await tune(device, [caseOf(family)]);
    expect(result).toMatchObject({ key: 'double any', untuned: 'slow', chosen: 'fast' });
    const found = Object.fromEntries(
      (result?.candidates ?? []).map(({ variant: name, result: what }) => [name, what]),
    );
    expect(found).toMatchObject({ wrong: 'wrong', 'not a number': 'wrong', invalid: 'invalid', slow: 1 });
    expect(found.fast).toBeLessThan(0.5);
    // An invalid candidate leaves the device as it was.
    await device.idle();
  });

  test('keeps what runs untuned where nothing is faster, and launches a slow candidate a few times only', async () => {
    let launches = 0;
    const slow: Variant<Options> = {
      ...SLOW,
      plan: (...args) => {
        launches += 1;
        return SLOW.plan(...args);
      },
    };
    const [result] = await tune(device, [caseOf(familyOf([slow, FAST], 'fast'))]);
    expect(result).toMatchObject({ untuned: 'fast', chosen: 'fast' });
    expect(launches).toBeLessThan(30);
  });

  test('tries no more than twelve candidates, the default one among them', async () => {
    const many = Array.from({ length: 14 }, (_, i) => ({ ...FAST, name: `fast ${i}` }));
    const [result] = await tune(device, [caseOf(familyOf(many, 'fast 13'))]);
    expect(result?.candidates).toHaveLength(12);
    expect(result?.candidates.map(({ variant: name }) => name)).toContain('fast 13');
  });

  test('half precision is judged by its own tolerance', async () => {
    const [result] = await tune(device, [caseOf(familyOf([SLOW, FAST_HALF]))]);
    expect(result?.chosen).toBe('fast half');
  });

  test('tunes a shape class once, and leaves no memory in use', async () => {
    const before = device.memory().liveBytes;
    const each = caseOf(familyOf([SLOW, FAST]));
    const seen: number[] = [];
    expect(await tune(device, [each, each], { progress: (done) => seen.push(done) })).toHaveLength(1);
    expect(seen).toEqual([1, 2]);
    expect(await tune(device, [each], { isKnown: (key) => key === 'double any' })).toEqual([]);
    expect(device.memory().liveBytes).toBe(before);
  });
});

describe('the number of launches of a timing', () => {
  /** A device that takes `wait` ms to answer, and a kernel of `kernel` ms. */
  const repeats = (kernel: number, wait: number): Promise<number> =>
    repeatsFor(async (count) => wait + count * kernel, wait);

  test.each([
    { kernel: 10, wait: 0.1, least: 4 },
    { kernel: 0.1, wait: 0.1, least: 4 },
    { kernel: 0.05, wait: 15, least: 120 },
    { kernel: 0.3, wait: 100, least: 800 },
  ])('$kernel ms after a wait of $wait: until it takes $least ms', async ({ kernel, wait, least }) => {
    const count = await repeats(kernel, wait);
    expect(count * kernel).toBeGreaterThanOrEqual(least);
    expect(count * kernel).toBeLessThan(Math.max(2.5 * least, 1.01 * kernel));
  });

  test('has an end', async () => {
    expect(await repeats(0, 100)).toBe(10_000);
  });
});

describe('choices', () => {
  const use = async (choices: object, family: Family<Options>, portableKernels = false): Promise<string> => {
    const tuned = await openDevice({ kernelChoices: choices as never, portableKernels });
    using _ = tuned.scope();
    const { name } = chosenVariant(tuned, family, caseOf(family).make(tuned));
    tuned.destroy();
    return name;
  };

  test('are what a device uses, unless the kernel has changed since', async () => {
    const family = familyOf([SLOW, FAST]);
    const choices = choicesOf(await tune(device, [caseOf(family)]));
    expect(await use(choices, family)).toBe('fast');
    const rewritten = variant('fast', 'x[i] * 2.0');
    expect(await use(choices, familyOf([SLOW, rewritten]))).toBe('slow');
  });

  test('of a run hold whatever the kernel is now; unknown names and portable devices use what they would', async () => {
    const family = familyOf([SLOW, FAST, WRONG]);
    expect(await use({ 'double any': 'wrong' }, family)).toBe('wrong');
    expect(await use({ 'double any': 'gone' }, family)).toBe('slow');
    expect(await use({ 'double any': 'fast' }, family, true)).toBe('slow');
  });
});
