/** Debug mode of a device: finds the first op that made a NaN or an infinity of finite inputs. */
import { GpuError } from '../errors.ts';
import type { BufferView } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { checkFinite as launchCheck } from '../kernels/checkFinite.ts';
import { showShape, type Tensor } from './tensor.ts';

interface Checked {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Where the op was called. */
  readonly stack: string | undefined;
}

interface Checks {
  readonly found: BufferView;
  /** By number, counted from 1. */
  readonly ops: Checked[];
  readonly known: Map<string, Checked>;
}

const NONE = 0xffff_ffff;
const checksOf = new WeakMap<Device, Checks>();

/** Ops that put infinities somewhere only because they were told to. */
const DELIBERATE = new Set(['maskedFill', 'where', 'full', 'pad']);

/** In debug mode, checks the results of an op; a read then throws an error that names it. */
export function checkFinite(name: string, inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
  const device = outputs[0]?.device;
  if (!device?.debug || DELIBERATE.has(name)) return;
  const checks = checksOf.get(device) ?? startChecks(device);
  const describe = (tensors: readonly Tensor[]) => tensors.map(({ shape }) => showShape(shape));
  const { stack } = new Error('called here');
  const called = { name, inputs: describe(inputs), outputs: describe(outputs), stack };
  const key = JSON.stringify(called);
  const same = checks.known.get(key) ?? called; // a loop must not fill the memory with what is the same
  checks.known.set(key, same);
  checks.ops.push(same);
  const { found } = checks;
  const op = checks.ops.length;
  const float = ({ dtype }: Tensor): boolean => dtype === 'f32';
  for (const { view, size } of inputs.filter(float)) launchCheck(device, 'input', view, size, found, op);
  for (const { view, size } of outputs.filter(float)) launchCheck(device, 'output', view, size, found, op);
}

function startChecks(device: Device): Checks {
  const checks = { found: device.allocatePersistent(8, 'debugging'), ops: [], known: new Map() };
  checksOf.set(device, checks);
  device.checkReads((read) => throwIfNotFinite(read, checks));
  device.outsideRecording(() => device.upload(checks.found, Uint32Array.of(NONE, 0)));
  return checks;
}

async function throwIfNotFinite(
  read: (view: BufferView) => Promise<ArrayBuffer>,
  checks: Checks,
): Promise<void> {
  const [first = NONE] = new Uint32Array(await read(checks.found));
  const op = checks.ops[first - 1];
  if (!op) return;
  const { name, inputs, outputs, stack } = op;
  throw new GpuError(
    `${name} made a NaN or an infinity: inputs ${inputs.join(', ') || 'none'}, result ${outputs.join(', ')}`,
    { code: 'NOT_FINITE', where: name, fix: 'look at its inputs; the cause says where it was called' },
    { cause: stack },
  );
}
