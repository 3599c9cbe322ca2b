/** The state of an optimiser: loaded into another one, it resumes to the same bits. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Device } from '../../../src/gpu/device.ts';
import { AdamW, type Optimizer, Parameters, SGD } from '../../../src/tensor/index.ts';
import { openDevice } from '../../device.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

test.each<[string, (parameters: Parameters) => Optimizer]>([
  ['AdamW', (parameters) => new AdamW(parameters, { weightDecay: 0.1 })],
  ['SGD', (parameters) => new SGD(parameters, { momentum: 0.9 })],
])('%s', async (_, create) => {
  const parameters = new Parameters(device, new Map([['x', [3]]]));
  const x = parameters.get('x');
  const start = Float32Array.of(1, -2, 3);
  x.set(start);
  x.grad?.set(Float32Array.of(0.3, 0.1, -0.2));
  const first = create(parameters);
  for (let i = 0; i < 3; i++) first.step(0.1);
  const [state, middle] = [await first.stateDict(), Float32Array.from(await x.data())];
  expect(state.steps).toBe(3);
  for (let i = 0; i < 2; i++) first.step(0.1);
  const end = await x.data();
  x.set(middle);
  const second = create(parameters);
  second.loadStateDict(state);
  for (let i = 0; i < 2; i++) second.step(0.1);
  expect(await x.data()).toEqual(end);
  expect(await second.stateDict()).toEqual(await first.stateDict());
  const wrong = { steps: 1, values: new Map([...state.values].slice(1)) };
  expect(() => second.loadStateDict(wrong)).toThrow(/not those of this optimiser/);
  for (const each of [first, second, parameters]) each.dispose();
});
